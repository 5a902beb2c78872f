package bucket

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// Name is the provisioner's, as a Capability names it.
const Name = "s3"

// Keys of the connection Secret.
const (
	KeyType      = "type"
	KeyEndpoint  = "endpoint"
	KeyRegion    = "region"
	KeyBucket    = "bucket"
	KeyPathStyle = "path-style"
	KeyAccess    = "access-key-id"
	KeySecret    = "secret-access-key"
)

var keys = []string{KeyAccess, KeyBucket, KeyEndpoint, KeyPathStyle, KeyRegion, KeySecret, KeyType}

// Provisioner fulfils claims for buckets.
type Provisioner struct {
	store Store
	keys  Keys
	clock clock.PassiveClock
}

var (
	_ provision.Builtin = (*Provisioner)(nil)
	_ provision.Saver   = (*Provisioner)(nil)
)

// New returns a provisioner of buckets in the store.
func New(store Store, keys Keys, clk clock.PassiveClock) *Provisioner {
	return &Provisioner{store: store, keys: keys, clock: clk}
}

// Saves is false: the deletion policy Snapshot is not offered.
func (p *Provisioner) Saves() bool { return false }

// Available says why buckets cannot be had, and what to do.
func (p *Provisioner) Available(ctx context.Context) error { return p.store.Available(ctx) }

// wish is what a claim asks for.
type wish struct {
	versioning bool
	expire     int // in days
	rotate     time.Duration
}

func wishOf(spec map[string]any) (wish, error) {
	versioning, _, err := unstructured.NestedBool(spec, "versioning")
	if err != nil {
		return wish{}, fmt.Errorf("%w: spec.versioning is neither true nor false", provision.ErrInvalid)
	}
	expire, err := days(spec, "expireAfterDays")
	if err != nil {
		return wish{}, err
	}
	rotate, err := days(spec, "rotateAfterDays")
	if err != nil {
		return wish{}, err
	}
	return wish{versioning: versioning, expire: expire, rotate: time.Duration(rotate) * 24 * time.Hour}, nil
}

// days is a number of days; none is 0.
func days(spec map[string]any, field string) (int, error) {
	switch value := spec[field].(type) {
	case nil:
		return 0, nil
	case int64:
		return int(value), nil
	case float64:
		return int(value), nil
	}
	return 0, fmt.Errorf("%w: spec.%s is no number", provision.ErrInvalid, field)
}

func namesOf(claim *unstructured.Unstructured) Names {
	return NamesOf(claim.GetName(), string(claim.GetUID()))
}

// Plan says what Ensure would do.
func (p *Provisioner) Plan(_ context.Context, in provision.Input) (provision.Preview, error) {
	w, err := wishOf(in.Spec)
	if err != nil {
		return provision.Preview{}, err
	}
	endpoint, _, _ := p.store.Address()
	n := namesOf(in.Claim)
	if in.Claim.GetUID() == "" {
		n.Bucket = in.Claim.GetName() + "-..." // the rest comes with the UID
		n.User = "roadbed-" + n.Bucket
	}
	system := strings.TrimSpace("s3 " + endpoint) // a plan on one's own machine has no address
	return provision.Preview{
		ConnectionKeys: keys, Endpoint: endpoint,
		External: []provision.External{
			{System: system, Kind: "bucket", Name: n.Bucket, Detail: describe(w)},
			{System: system, Kind: "user", Name: n.User, Detail: "may use the bucket and nothing else; its key goes into the connection Secret"},
		},
	}, nil
}

func describe(w wish) string {
	text := "closed to the public, without earlier versions"
	if w.versioning {
		text = "closed to the public, with earlier versions"
	}
	if w.expire > 0 {
		text += "; objects are deleted after " + strconv.Itoa(w.expire) + " days"
	}
	return text
}

// Ensure makes the bucket and sees to its keys.
func (p *Provisioner) Ensure(ctx context.Context, in provision.Input, previous map[string][]byte) (provision.Output, error) {
	w, err := wishOf(in.Spec)
	if err != nil {
		return provision.Output{}, err
	}
	n := namesOf(in.Claim)
	if err := p.store.EnsureBucket(ctx, n.Bucket, n.Mark); err != nil {
		return provision.Output{}, err
	}
	closed, encrypted, err := p.store.Settle(ctx, n.Bucket, w.versioning, w.expire)
	if errors.Is(err, errors.ErrUnsupported) {
		return provision.Output{}, fmt.Errorf("%w: %w", provision.ErrInvalid, err)
	}
	if err != nil {
		return provision.Output{}, err
	}
	if err := p.keys.EnsureUser(ctx, n.User, n.Bucket, n.Mark); err != nil {
		return provision.Output{}, err
	}
	id, secret, err := p.ensureKey(ctx, n, w, previous)
	if err != nil {
		return provision.Output{}, err
	}
	out := provision.Output{
		Ready: true, Connection: p.connection(n, id, secret),
		Status: map[string]any{"bucket": n.Bucket, "encrypted": encrypted, "publicAccessBlocked": closed},
	}
	out.Endpoint = string(out.Connection[KeyEndpoint])
	if works, err := p.keys.Accepts(ctx, n.Bucket, id, secret); err != nil {
		return provision.Output{}, err
	} else if !works {
		out.Ready, out.Waiting = false, "The object store does not know the new key everywhere yet."
	}
	return out, nil
}

// ensureKey returns the key to use and its secret.
func (p *Provisioner) ensureKey(ctx context.Context, n Names, w wish, previous map[string][]byte) (id, secret string, err error) {
	live, err := p.keys.Keys(ctx, n.User)
	if err != nil {
		return "", "", err
	}
	now := p.clock.Now()
	id, secret = string(previous[KeyAccess]), string(previous[KeySecret])
	if since, there := live[id]; there && now.Sub(since) >= settling {
		works, err := p.keys.Accepts(ctx, n.Bucket, id, secret)
		if err != nil {
			return "", "", err
		}
		if !works { // the Secret was tampered with
			delete(live, id)
			if err := p.keys.DropKey(ctx, n.User, id); err != nil {
				return "", "", err
			}
		}
	}
	turn := Decide(id, live, w.rotate, now)
	for _, old := range turn.Drop {
		if err := p.keys.DropKey(ctx, n.User, old); err != nil {
			return "", "", err
		}
	}
	if turn.Fresh {
		return p.keys.MakeKey(ctx, n.User)
	}
	return id, secret, nil
}

func (p *Provisioner) connection(n Names, id, secret string) map[string][]byte {
	endpoint, region, pathStyle := p.store.Address()
	return map[string][]byte{
		KeyType: []byte("s3"), KeyEndpoint: []byte(endpoint), KeyRegion: []byte(region), KeyBucket: []byte(n.Bucket),
		KeyPathStyle: []byte(strconv.FormatBool(pathStyle)), KeyAccess: []byte(id), KeySecret: []byte(secret),
	}
}

// Delete ends a claim. Retain keeps the bucket and everybody out of it.
func (p *Provisioner) Delete(ctx context.Context, in provision.Input, policy provision.DeletionPolicy) (done bool, err error) {
	n := namesOf(in.Claim)
	if policy != provision.Retain && policy != provision.Delete {
		return false, fmt.Errorf("%w: no last copy is made of a bucket: set spec.platform.deletionPolicy to Retain or Delete", provision.ErrInvalid)
	}
	if err := p.keys.DropUser(ctx, n.User); err != nil || policy == provision.Retain {
		return err == nil, err
	}
	return p.store.Delete(ctx, n.Bucket, n.Mark)
}
