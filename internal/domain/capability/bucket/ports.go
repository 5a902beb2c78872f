package bucket

import (
	"context"
	"time"
)

// Store keeps buckets. Every method MUST be repeatable after it died half way,
// MUST NOT write what is already so, and no error may hold a secret key.
type Store interface {
	// Available says why buckets cannot be had and what to do, or nil. It must be cheap.
	Available(ctx context.Context) error
	// Address is where tenants reach the store. With pathStyle, buckets are reached
	// as a path of the endpoint, and not as a name below it.
	Address() (endpoint, region string, pathStyle bool)
	// EnsureBucket makes a bucket and marks it. One of that name with another mark,
	// or with none and something in it, is an error.
	EnsureBucket(ctx context.Context, name, mark string) error
	// Settle has a bucket keep earlier versions of objects or not, and delete objects
	// after so many days, 0 for never. Its error wraps errors.ErrUnsupported when the
	// store cannot, and says what to do. The bucket is closed to the public and
	// encrypted as well, if the store can: closed says that it refuses whatever would
	// let the public in, encrypted that it encrypts what it writes to its disks.
	Settle(ctx context.Context, name string, versioning bool, expireAfterDays int) (closed, encrypted bool, err error)
	// Delete deletes a bucket with everything in it; done is false when there was
	// too much for one call. A bucket with another mark is an error.
	Delete(ctx context.Context, name, mark string) (done bool, err error)
}

// Keys lets people into buckets. The same holds as for Store.
type Keys interface {
	// EnsureUser makes a user who may use one bucket and nothing else.
	EnsureUser(ctx context.Context, user, bucket, mark string) error
	// Keys are the ids of a user's keys that work, and since when they are there;
	// none for a user who is not there.
	Keys(ctx context.Context, user string) (map[string]time.Time, error)
	// MakeKey makes a key. A user has two at most.
	MakeKey(ctx context.Context, user string) (id, secret string, err error)
	// DropKey ends a key. One that is not there counts as ended.
	DropKey(ctx context.Context, user, id string) error
	// DropUser ends a user with all keys.
	DropUser(ctx context.Context, user string) error
	// Accepts says whether the store lets the holder of a key into a bucket.
	Accepts(ctx context.Context, bucket, id, secret string) (bool, error)
}
