package buckets

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	adapter "github.com/roadbed-dev/roadbed/internal/adapter/s3"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/bucket"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

func input(name, uid string, spec map[string]any) provision.Input {
	claim := &unstructured.Unstructured{Object: map[string]any{}}
	claim.SetName(name)
	claim.SetUID(types.UID(uid))
	return provision.Input{Claim: claim, Spec: spec, Tenant: provision.Tenant{Name: "payments", Namespace: "tenant-payments"}}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ensured is the connection of a claim that can be used.
func ensured(t *testing.T, p *bucket.Provisioner, in provision.Input, previous map[string][]byte) map[string][]byte {
	t.Helper()
	check(t, p.Available(t.Context()))
	out, err := p.Ensure(t.Context(), in, previous)
	check(t, err)
	if !out.Ready {
		t.Fatalf("not ready: %s", out.Waiting)
	}
	return out.Connection
}

func put(ctx context.Context, c *s3.Client, name, key, text string) error {
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: &key, Body: strings.NewReader(text)})
	return err
}

// TestLife is the way of a claim: it gets a bucket that its key opens and no
// other key does, and leaves nothing behind.
func TestLife(t *testing.T) {
	t.Parallel()
	at := start(t)
	server := adapter.New(at.url())
	p := bucket.New(server, server, testclock.NewFakePassiveClock(time.Now()))
	orders, bills := input("orders", "1", map[string]any{"versioning": true}), input("bills", "2", nil)
	first, second := ensured(t, p, orders, nil), ensured(t, p, bills, nil)
	name, other := string(first["bucket"]), string(second["bucket"])
	mine := holder(at, first)

	check(t, put(t.Context(), mine, name, "a", "one"))
	check(t, put(t.Context(), mine, name, "a", "two"))
	got, err := mine.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &name, Key: aws.String("a")})
	check(t, err)
	text, err := io.ReadAll(got.Body)
	check(t, err)
	if string(text) != "two" {
		t.Errorf("the object is %q", text)
	}
	versions, err := mine.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &name})
	check(t, err)
	if len(versions.Versions) != 2 {
		t.Errorf("%d versions are kept, not 2", len(versions.Versions))
	}
	for what, err := range trespasses(t.Context(), mine, name, other) {
		if err == nil {
			t.Errorf("the key lets its holder %s", what)
		}
	}
	if again := ensured(t, p, orders, first); !maps.EqualFunc(first, again, bytes.Equal) {
		t.Error("the connection changes when nothing is to be done")
	}
	ended(t, p, orders, provision.Delete)
	ended(t, p, orders, provision.Delete) // and nothing happens
	if err := put(t.Context(), mine, name, "a", "three"); err == nil {
		t.Error("the key works after the end")
	}
	ended(t, p, bills, provision.Retain)
	if err := put(t.Context(), holder(at, second), other, "a", "x"); err == nil {
		t.Error("the key of a kept bucket works on")
	}
	check(t, put(t.Context(), owner(at), other, "a", "x"))
	if _, err := owner(at).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &name}); err == nil {
		t.Error("the bucket is there after the end")
	}
	if _, err := p.Delete(t.Context(), bills, provision.Snapshot); !errors.Is(err, provision.ErrInvalid) {
		t.Errorf("a last copy is promised: %v", err)
	}
}

// trespasses are what a key must not allow, and how it was refused.
func trespasses(ctx context.Context, c *s3.Client, own, other string) map[string]error {
	found := map[string]error{"write to another bucket": put(ctx, c, other, "a", "x")}
	_, found["list another bucket"] = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &other})
	_, found["make a bucket"] = c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("made-by-a-tenant")})
	_, found["delete the bucket"] = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &own})
	_, found["let others in"] = c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &own, Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + own + `/*"}]}`)})
	_, found["take the mark"] = c.DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: &own})
	return found
}

func owner(at store) *s3.Client {
	return holder(at, map[string][]byte{"region": []byte("us-east-1"), "path-style": []byte("true"), "access-key-id": []byte(root), "secret-access-key": []byte(secret)})
}

func ended(t *testing.T, p *bucket.Provisioner, in provision.Input, policy provision.DeletionPolicy) {
	t.Helper()
	for range 10 {
		done, err := p.Delete(t.Context(), in, policy)
		check(t, err)
		if done {
			return
		}
	}
	t.Fatal("the claim does not end")
}

// TestRotation: when a key is due another one takes over, the first works on for
// a day, and a Secret that was tampered with or lost is repaired.
func TestRotation(t *testing.T) {
	t.Parallel()
	at := start(t)
	server := adapter.New(at.url())
	clock := testclock.NewFakePassiveClock(time.Now())
	p := bucket.New(server, server, clock)
	in := input("rotating", "3", map[string]any{"rotateAfterDays": int64(30)})
	works := func(connection map[string][]byte) bool {
		return put(t.Context(), holder(at, connection), string(connection["bucket"]), "a", "x") == nil
	}
	first := ensured(t, p, in, nil)
	clock.SetTime(clock.Now().Add(31 * 24 * time.Hour))
	second := ensured(t, p, in, first)
	if bytes.Equal(first["access-key-id"], second["access-key-id"]) || !works(first) || !works(second) {
		t.Error("a key that was due did not give way, or at once")
	}
	// The store counts by its own clock, on which both keys are new.
	later := bucket.New(server, server, testclock.NewFakePassiveClock(time.Now().Add(bucket.Grace+time.Hour)))
	ensured(t, later, in, second)
	if works(first) || !works(second) {
		t.Error("the first key works after its grace, or the second does not")
	}
	tampered := maps.Clone(second)
	tampered["secret-access-key"] = []byte("guessed")
	if repaired := ensured(t, later, in, tampered); !works(repaired) || works(second) {
		t.Error("a tampered Secret is not repaired")
	}
	for range 3 { // A Secret that is lost again and again never runs out of keys.
		if found := ensured(t, later, in, nil); !works(found) {
			t.Error("a lost Secret is not made anew")
		}
	}
	ended(t, later, in, provision.Delete)
}

// TestKilledBetweenRequests dies before each request in turn, and goes on as
// another process would: it always comes to the same end.
func TestKilledBetweenRequests(t *testing.T) {
	t.Parallel()
	at := start(t)
	spec := map[string]any{"versioning": true}
	for limit := int64(1); ; limit++ {
		dying, sent := mortal(t, at, limit)
		in := input("mortal", "mortal", spec)
		p := bucket.New(dying, dying, testclock.NewFakePassiveClock(time.Now()))
		_, died := p.Ensure(t.Context(), in, nil)
		healthy := adapter.New(at.url())
		p = bucket.New(healthy, healthy, testclock.NewFakePassiveClock(time.Now()))
		connection := ensured(t, p, in, nil)
		if err := put(t.Context(), holder(at, connection), string(connection["bucket"]), "a", "x"); err != nil {
			t.Fatalf("after a death before request %d: %v", limit, err)
		}
		dying, _ = mortal(t, at, limit)
		_, gone := bucket.New(dying, dying, testclock.NewFakePassiveClock(time.Now())).Delete(t.Context(), in, provision.Delete)
		ended(t, p, in, provision.Delete)
		if died == nil && gone == nil && sent.Load() < limit {
			if limit < 10 {
				t.Fatalf("only %d requests were sent", sent.Load())
			}
			return
		}
	}
}

// mortal is the store behind proxies that let so many requests through and no more.
func mortal(t *testing.T, at store, limit int64) (*adapter.Server, *atomic.Int64) {
	t.Helper()
	var sent atomic.Int64
	proxy := func(to string) string {
		target := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", to, r.In.Host
		}}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if sent.Add(1) >= limit {
				panic(http.ErrAbortHandler)
			}
			target.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}
	return adapter.New(store{s3: proxy(at.s3), iam: proxy(at.iam)}.url()), &sent
}

// TestOthersAreLeftAlone: what is not the claim's is never touched.
func TestOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	at := start(t)
	server := adapter.New(at.url())
	p := bucket.New(server, server, testclock.NewFakePassiveClock(time.Now()))
	in := input("taken", "4", nil)
	n := bucket.NamesOf("taken", "4")
	_, err := owner(at).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &n.Bucket})
	check(t, err)
	check(t, put(t.Context(), owner(at), n.Bucket, "a", "x"))
	if _, err := p.Ensure(t.Context(), in, nil); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("somebody's bucket is taken: %v", err)
	}
	if done, err := p.Delete(t.Context(), in, provision.Delete); err == nil || done {
		t.Errorf("somebody's bucket is deleted: %v", err)
	}
	check(t, server.EnsureBucket(t.Context(), "marked", "5"))
	if err := server.EnsureBucket(t.Context(), "marked", "6"); err == nil {
		t.Error("another claim's bucket is taken")
	}
	if done, err := server.Delete(t.Context(), "marked", "6"); err == nil || done {
		t.Errorf("another claim's bucket is deleted: %v", err)
	}
	check(t, server.EnsureUser(t.Context(), "roadbed-marked", "marked", "5"))
	if err := server.EnsureUser(t.Context(), "roadbed-marked", "marked", "6"); err == nil {
		t.Error("another claim's user is taken")
	}
}

// TestWhatTheStoreLacks: this store deletes nothing by age, and says so.
func TestWhatTheStoreLacks(t *testing.T) {
	t.Parallel()
	server := adapter.New(start(t).url())
	p := bucket.New(server, server, testclock.NewFakePassiveClock(time.Now()))
	in := input("aging", "7", map[string]any{"expireAfterDays": int64(3)})
	if _, err := p.Ensure(t.Context(), in, nil); !errors.Is(err, provision.ErrInvalid) || !strings.Contains(err.Error(), "spec.expireAfterDays") {
		t.Errorf("got %v", err)
	}
	ended(t, p, in, provision.Delete)
}

// TestUnfitStores: each says what is wrong and what to do, and no secret.
func TestUnfitStores(t *testing.T) {
	t.Parallel()
	at := start(t)
	wrong := at
	closed, err := free()
	check(t, err)
	wrong.s3 = closed
	for text, want := range map[string]string{
		"": "no object store is given",
		strings.Replace(at.url(), url.QueryEscape("/with"), "", 1): "does not let the platform in",
		wrong.url(): "does not answer",
		"http://" + root + ":" + url.QueryEscape(secret) + "@" + at.s3: "names no iam",
	} {
		server := adapter.New(text)
		err := server.Available(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "root-secret") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
