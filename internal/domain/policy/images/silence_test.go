package images_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
)

// hanging are registries of which one lets everybody wait for as long as wait
// says, and all others have no image.
type hanging struct {
	images.Registry
	clock *clocktesting.FakePassiveClock
	wait  time.Duration
	asked []string
}

func (h *hanging) Manifest(_ context.Context, reference string) (about v1.Descriptor, body []byte, found bool, err error) {
	h.asked = append(h.asked, reference)
	if !strings.HasPrefix(reference, "dead.example/") || h.wait == 0 {
		return v1.Descriptor{}, nil, false, nil
	}
	h.clock.SetTime(h.clock.Now().Add(h.wait))
	return v1.Descriptor{}, nil, false, fmt.Errorf("get %s: %w", reference, context.DeadlineExceeded)
}

// TestHangingRegistry: many images of a registry that hangs cost the wait for one,
// whoever asks and with whatever credentials; others are asked, and it is asked
// again when its time is over.
func TestHangingRegistry(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	registry := &hanging{clock: clock, wait: 10 * time.Second}
	verifier := images.New(registry, images.WithClock(clock), images.WithCredentials(func(context.Context, policy.RegistryCredentials) (images.Registry, error) {
		return registry, nil
	}))
	ask := func(asked policy.Images, reference string, want error) {
		t.Helper()
		if _, err := asked.Describe(t.Context(), reference); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", reference, err, want)
		}
		if _, err := asked.Verify(t.Context(), policy.ImageCheck{Reference: reference, Attestor: byKey("")}); !errors.Is(err, want) || errors.Is(err, policy.ErrUnproved) {
			t.Errorf("%s: %v, want %v", reference, err, want)
		}
	}
	begun := clock.Now()
	for i := range 100 {
		ask(verifier, fmt.Sprintf("dead.example/app%d:1", i), images.ErrUnreachable)
	}
	ask(verifier.With(policy.RegistryCredentials{Secrets: []string{"pull"}}), "dead.example/app:1", images.ErrUnreachable)
	ask(verifier, "well.example/app:1", images.ErrNoImage)
	if waited := clock.Since(begun); waited != 10*time.Second {
		t.Errorf("all waited %s, want the 10 s of one", waited)
	}
	registry.wait = 0
	clock.SetTime(clock.Now().Add(14 * time.Second))
	ask(verifier, "dead.example/app:1", images.ErrUnreachable)
	clock.SetTime(clock.Now().Add(time.Second))
	ask(verifier, "dead.example/app:1", images.ErrNoImage)
}

// TestHastyCaller: a registry is not silent because somebody had no time.
func TestHastyCaller(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	registry := &hanging{clock: clock, wait: time.Second}
	verifier := images.New(registry, images.WithClock(clock))
	for range 3 {
		if _, err := verifier.Describe(t.Context(), "dead.example/app:1"); !errors.Is(err, images.ErrUnreachable) {
			t.Errorf("error %v, want ErrUnreachable", err)
		}
	}
	if len(registry.asked) != 3 {
		t.Errorf("asked for %v, want three questions", registry.asked)
	}
}
