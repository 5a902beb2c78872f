package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// Audit is the API server's audit log.
type Audit interface {
	// Next waits for events and returns some, one a line, in order. They count as
	// read when commit returns without an error; until then Next MUST return them
	// again, after a restart as well. It ends with the context's error.
	Next(ctx context.Context) (events [][]byte, commit func() error, err error)
}

// actionUse is what a use of an override is called on the trail.
const actionUse = "policy.override.use"

// uses puts what the audit log tells of overrides on the trail.
type uses struct {
	audit Audit
	trail trail.Recorder
	clock clock.PassiveClock
	after func(time.Duration) <-chan time.Time
	log   *slog.Logger
}

var _ manager.Runnable = (*uses)(nil)

// again is how long to wait after something went wrong.
const again = 5 * time.Second

// Start follows the audit log until the context ends. It begins with the lead,
// and only one replica has it.
func (u *uses) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		err := u.step(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		u.log.ErrorContext(ctx, "uses of overrides cannot be recorded, which is tried again", "error", err)
		select {
		case <-u.after(again):
		case <-ctx.Done():
		}
	}
	return nil
}

// step records the uses of some events. Those alike, from one batch, are one
// record that counts them.
func (u *uses) step(ctx context.Context) error {
	events, commit, err := u.audit.Next(ctx)
	if err != nil {
		return err
	}
	var order []override.Use
	count := map[string]int{}
	for _, event := range events {
		found, err := override.Uses(event)
		if err != nil {
			u.log.WarnContext(ctx, "an event of the audit log is left out", "error", err)
		}
		for _, use := range found {
			if count[keyOfUse(use)]++; count[keyOfUse(use)] == 1 {
				order = append(order, use)
			}
		}
	}
	for _, use := range order {
		err := u.record(ctx, use, count[keyOfUse(use)])
		if errors.Is(err, trail.ErrTooLarge) {
			u.log.ErrorContext(ctx, "a use of an override is left out", "override", use.Override, "error", err)
			err = nil // It would keep all that follow from the trail.
		}
		if err != nil {
			return err
		}
	}
	return commit()
}

// Found puts a use on the trail that no audit log tells of, because it is not ours:
// a scan found an object that a policy is not content with, but for the override.
// Who made it so is not known.
func Found(recorder trail.Recorder, clock clock.PassiveClock) func(ctx context.Context, waiver, policy, object string) error {
	u := &uses{trail: recorder, clock: clock}
	return func(ctx context.Context, waiver, policy, object string) error {
		return u.write(ctx, waiver, identity.Of(identity.Roadbed), fmt.Sprintf("It covers %s, which policy %s is else not content with, as a scan found.", object, policy))
	}
}

func keyOfUse(use override.Use) string {
	return strings.Join([]string{use.Override, use.Policy, use.Actor.Name, use.Deed}, "\n")
}

func (u *uses) record(ctx context.Context, use override.Use, times int) error {
	reason := fmt.Sprintf("It covered the %s, which policy %s therefore did not judge", use.Deed, use.Policy)
	if times > 1 {
		reason += fmt.Sprintf(", %d times", times)
	}
	return u.write(ctx, use.Override, use.Actor, reason+".")
}

func (u *uses) write(ctx context.Context, waiver string, actor identity.Actor, reason string) error {
	namespace, name, _ := strings.Cut(waiver, "/")
	err := u.trail.Record(ctx, trail.Record{
		Time: u.clock.Now().UTC(), Actor: actor, Action: actionUse, Reason: reason,
		Object: trail.Object{Group: v1alpha1.GroupVersion.Group, Kind: "PolicyOverride", Namespace: namespace, Name: name},
	})
	if err != nil {
		return fmt.Errorf("record on the trail: %w", err)
	}
	return nil
}
