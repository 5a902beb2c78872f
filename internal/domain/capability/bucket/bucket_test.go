package bucket_test

import (
	"context"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	testclock "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/adapter/s3"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/bucket"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// The adapter fulfils the ports. The module test/buckets tries it on a store.
var (
	_ bucket.Store = (*s3.Server)(nil)
	_ bucket.Keys  = (*s3.Server)(nil)
)

func TestNames(t *testing.T) {
	t.Parallel()
	legal := regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	for _, claim := range []string{"orders", "a", "a.b", "-", "", "xn--orders", strings.Repeat("a-", 100)} {
		n := bucket.NamesOf(claim, "uid")
		if !legal.MatchString(n.Bucket) || strings.HasPrefix(n.Bucket, "xn--") || len(n.User) > 64 {
			t.Errorf("%q gives %+v", claim, n)
		}
	}
	if bucket.NamesOf("a", "1") == bucket.NamesOf("a", "2") {
		t.Error("claims of the same name get the same bucket")
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, test := range []struct {
		name  string
		known string
		keys  map[string]time.Time
		every time.Duration
		want  bucket.Turn
	}{
		{"the first key", "", nil, 0, bucket.Turn{Fresh: true}},
		{"a key that is not due", "a", map[string]time.Time{"a": ago(day)}, 30 * day, bucket.Turn{}},
		{"never due", "a", map[string]time.Time{"a": ago(900 * day)}, 0, bucket.Turn{}},
		{"due", "a", map[string]time.Time{"a": ago(30 * day)}, 30 * day, bucket.Turn{Fresh: true}},
		{"the one before has its time", "b", map[string]time.Time{"a": ago(30 * day), "b": ago(day / 2)}, 30 * day, bucket.Turn{}},
		{"the one before has had its time", "b", map[string]time.Time{"a": ago(30 * day), "b": ago(day)}, 30 * day, bucket.Turn{Drop: []string{"a"}}},
		{"one that was never handed out", "a", map[string]time.Time{"a": ago(day / 2), "b": ago(time.Minute)}, 0, bucket.Turn{Drop: []string{"b"}}},
		{"due, and no room", "a", map[string]time.Time{"a": ago(30 * day), "b": ago(time.Minute)}, 30 * day, bucket.Turn{Drop: []string{"b"}, Fresh: true}},
		{"a Secret that was lost", "", map[string]time.Time{"a": ago(day)}, 0, bucket.Turn{Fresh: true}},
		{"lost, and no room: the eldest goes", "", map[string]time.Time{"a": ago(day), "b": ago(2 * day)}, 0, bucket.Turn{Fresh: true, Drop: []string{"b"}}},
		{"a key that is gone", "z", map[string]time.Time{"a": ago(day)}, 0, bucket.Turn{Fresh: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := bucket.Decide(test.known, test.keys, test.every, now); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestPlanNeedsNoStore(t *testing.T) {
	t.Parallel()
	server := s3.New("")
	p := bucket.New(server, server, testclock.NewFakePassiveClock(time.Now()))
	if err := p.Available(context.Background()); err == nil || !strings.Contains(err.Error(), "no object store is given") {
		t.Errorf("without a store: %v", err)
	}
	claim := &unstructured.Unstructured{Object: map[string]any{}}
	claim.SetName("orders")
	in := provision.Input{Claim: claim, Spec: map[string]any{"versioning": true, "expireAfterDays": int64(3)}}
	preview, err := p.Plan(t.Context(), in)
	if err != nil || len(preview.External) != 2 || preview.External[0].Name != "orders-..." || !strings.Contains(preview.External[0].Detail, "after 3 days") {
		t.Errorf("got %+v, %v", preview, err)
	}
	in.Spec = map[string]any{"expireAfterDays": "soon"}
	if _, err := p.Plan(t.Context(), in); !errors.Is(err, provision.ErrInvalid) {
		t.Errorf("a wrong spec gives %v", err)
	}
	if p.Saves() {
		t.Error("a last copy is promised")
	}
}
