package images

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/images/memory"
)

const (
	// silenceLife is how long a registry that let somebody wait in vain is not
	// asked: so many images of one that hangs cost the time of one, and one that is
	// back is read again after this time at the latest.
	silenceLife = 15 * time.Second
	// vain is the shortest wait that tells of the registry and not of who asked.
	vain = 2 * time.Second
	// maxSilent is how many registries are remembered.
	maxSilent = 256
)

// silences are the registries that let somebody wait in vain a moment ago.
type silences struct {
	clock  clock.PassiveClock
	recent *memory.Recent
}

func newSilences(clock clock.PassiveClock) *silences {
	return &silences{clock, memory.NewRecent(clock, silenceLife, maxSilent)}
}

// errSilent is for those who would wait in vain.
var errSilent = fmt.Errorf("it let others wait in vain a moment ago, and is asked again after %d seconds", int(silenceLife.Seconds()))

// around makes of a registry one that does not ask those that are silent. Blobs
// are asked for all the same: registries leave them to others, who do not speak
// for them.
func (s *silences) around(registry Registry) Registry { return impatient{registry, s} }

// ask asks the registry of a reference unless it is silent.
func (s *silences) ask(ctx context.Context, reference string, question func() error) error {
	host, _, _ := strings.Cut(reference, "/")
	if s.recent.Has(host) {
		return errSilent
	}
	begun := s.clock.Now()
	err := question()
	switch {
	case err == nil:
		s.recent.Forget(host)
	case inVain(ctx, err) && s.clock.Since(begun) >= vain:
		s.recent.Add(host)
	}
	return err
}

// inVain tells of errors that say that there was no answer in time.
func inVain(ctx context.Context, err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// impatient is a registry that is not asked while it is silent.
type impatient struct {
	Registry
	silences *silences
}

// Manifest asks for a manifest.
func (i impatient) Manifest(ctx context.Context, reference string) (about v1.Descriptor, body []byte, found bool, err error) {
	err = i.silences.ask(ctx, reference, func() (err error) {
		about, body, found, err = i.Registry.Manifest(ctx, reference)
		return err
	})
	return about, body, found, err
}

// Referrers asks for what is about a digest.
func (i impatient) Referrers(ctx context.Context, repository, digest string) (found []v1.Descriptor, err error) {
	err = i.silences.ask(ctx, repository, func() (err error) {
		found, err = i.Registry.Referrers(ctx, repository, digest)
		return err
	})
	return found, err
}
