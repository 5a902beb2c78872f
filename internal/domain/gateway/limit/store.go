package limit

import (
	"context"
	"errors"
	"time"
)

// ErrUnknown is what a Store wraps when it can be asked but does not know the
// budget, as a leader does that has not yet seen a new policy. Others may know
// theirs: unlike any other error it says nothing about the Store.
var ErrUnknown = errors.New("the store does not know the budget")

// Store keeps the budgets that processes share. It is for many goroutines at
// once.
type Store interface {
	// Take takes up to want requests (at least 1) from the budget that the key
	// names. Each moves the moment at which the budget is whole again by interval;
	// it never gets further ahead than tolerance. The answer is how many were
	// granted, maybe none, and how far ahead that moment is now.
	//
	// An error means that nothing is known, not that nothing was taken. Take MUST
	// return when the context ends.
	Take(ctx context.Context, key string, interval, tolerance time.Duration, want int64) (granted int64, ahead time.Duration, err error)
}
