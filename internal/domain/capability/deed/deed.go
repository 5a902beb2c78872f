// Package deed puts what is done for capabilities and claims on the trail, each
// deed once for as long as it is tried. One that a crash has interrupted may be
// on the trail twice, and none is missing.
package deed

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// Book remembers what it has put on a trail last of each object. It is safe for
// concurrent use.
type Book struct {
	trail trail.Recorder

	mu   sync.Mutex
	last map[types.UID]string // guarded by mu
}

// NewBook returns a Book for a trail.
func NewBook(to trail.Recorder) *Book { return &Book{trail: to, last: map[types.UID]string{}} }

// Record puts a deed on the trail unless it was the last one of the object. What
// it speaks of MUST NOT happen before it returned nil.
func (b *Book) Record(ctx context.Context, object types.UID, r trail.Record) error {
	deed := strings.Join([]string{r.Action, r.Reason}, "\n")
	b.mu.Lock()
	done := b.last[object] == deed
	b.mu.Unlock()
	if done {
		return nil
	}
	if err := b.trail.Record(ctx, r); err != nil {
		return fmt.Errorf("record on the trail: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[object] = deed
	return nil
}

// Forget is called when an object is gone.
func (b *Book) Forget(object types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.last, object)
}
