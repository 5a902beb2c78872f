package revision_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/revision"
)

func TestAdvance(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rollout := v1alpha1.Rollout{Waves: []v1alpha1.RolloutWave{
		{Tiers: []string{"tier-3"}}, {Tiers: []string{"tier-2"}}, {Tiers: []string{"tier-1"}, After: &metav1.Duration{Duration: time.Hour}},
	}}
	there := revision.Standing{Claim: "a/one", Wave: 0, Arrived: true, Ready: true}
	under := revision.Standing{Claim: "a/two", Wave: 0}
	failed := revision.Standing{Claim: "a/three", Wave: 0, Arrived: true, Failed: true}
	for _, test := range []struct {
		name  string
		open  int32
		first bool
		all   []revision.Standing
		after time.Duration
		want  int32
		words string
	}{
		{"the first of its version is for all", 0, true, nil, 0, 3, "Every floating claim"},
		{"the first wave waits for its claims", 0, false, []revision.Standing{there, under}, 0, 1, "Wave 1 of 3 is under way"},
		{"a failure stops it", 1, false, []revision.Standing{there, failed, under}, 0, 1, "Stopped in wave 1 of 3 by a/three"},
		{"the last wave waits for its time", 1, false, []revision.Standing{there}, time.Minute, 2, "begins 1h0m0s after"},
		{"then all are open", 2, false, []revision.Standing{there}, time.Hour, 3, "Every floating claim"},
		{"claims of later waves stop nothing", 0, false, []revision.Standing{there, {Claim: "b/x", Wave: 2, Failed: true}}, 0, 2, "begins"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := &v1alpha1.CapabilityRevision{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(made)}}
			r.Status.OpenWaves = test.open
			got := revision.Advance(rollout, r, test.first, test.all, made.Add(test.after))
			if got.Open != test.want || !strings.Contains(got.Message, test.words) {
				t.Errorf("got %+v, want %d open and %q", got, test.want, test.words)
			}
		})
	}
}

func TestNextAndTarget(t *testing.T) {
	t.Parallel()
	c := &v1alpha1.Capability{ObjectMeta: metav1.ObjectMeta{Name: "box"}}
	v := &v1alpha1.CapabilityVersion{Name: "v1"}
	one, err := revision.Next(c, v, nil)
	if err != nil || one == nil || one.Spec.Number != 1 {
		t.Fatalf("got %v, %v", one, err)
	}
	if again, err := revision.Next(c, v, []*v1alpha1.CapabilityRevision{one}); again != nil || err != nil {
		t.Errorf("the same makes another revision: %v, %v", again, err)
	}
	v.Connection.SecretKeys = []string{"host"}
	two, err := revision.Next(c, v, []*v1alpha1.CapabilityRevision{one})
	if err != nil || two == nil || two.Spec.Number != 2 {
		t.Fatalf("got %v, %v", two, err)
	}
	v.Connection.SecretKeys = nil
	three, err := revision.Next(c, v, []*v1alpha1.CapabilityRevision{two, one})
	if err != nil || three == nil || three.Spec.Number != 3 || three.Name == one.Name {
		t.Fatalf("what was said before and is said again: %v, %v", three, err)
	}
	one.Status.OpenWaves, two.Status.OpenWaves = 2, 1
	known := []*v1alpha1.CapabilityRevision{two, one}
	for _, test := range []struct {
		name string
		wish revision.Wish
		want string
	}{
		{"a new claim of an open wave", revision.Wish{Wave: 0}, two.Name},
		{"a new claim of a wave that is closed", revision.Wish{Wave: 1}, one.Name},
		{"a floating claim of an open wave", revision.Wish{Wave: 0, Current: one.Name}, two.Name},
		{"a pinned claim", revision.Wish{Wave: 0, Current: one.Name, Pinned: true}, one.Name},
		{"a claim that names one", revision.Wish{Wave: 0, Revision: one.Name}, one.Name},
		{"a claim never goes back by itself", revision.Wish{Wave: 1, Current: two.Name}, two.Name},
	} {
		got, err := revision.Target(test.wish, known)
		if err != nil || got == nil || got.Name != test.want {
			t.Errorf("%s: got %v, %v, want %s", test.name, got, err, test.want)
		}
	}
	if _, err := revision.Target(revision.Wish{Revision: "box-v2-x"}, known); err == nil {
		t.Error("a revision of another version is taken")
	}
}
