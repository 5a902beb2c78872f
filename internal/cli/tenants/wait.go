package tenants

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

const (
	// pollInterval is how often a wait looks at the cluster.
	pollInterval = 500 * time.Millisecond
	// refusalSettles is how long a refusal must stand before a wait gives up on
	// it: a business unit made in the same breath may not be Ready yet.
	refusalSettles = 2 * time.Second
)

// waitFlags are the flags of verbs that wait for tenants.
type waitFlags struct {
	wait    bool
	timeout time.Duration
}

func (f *waitFlags) add(cmd *cobra.Command, timeout time.Duration) {
	cmd.Flags().BoolVar(&f.wait, "wait", true, "wait until everything is Ready or refused")
	cmd.Flags().DurationVar(&f.timeout, "timeout", timeout, "how long to wait")
}

// waiter waits for tenants and shows their way there.
type waiter struct {
	p     *program
	c     client.Client
	names []string
	// patient waits for refused tenants too, since what refuses them may still
	// be on its way.
	patient bool
	screen  *screen

	refusedAt map[string]time.Time
}

// tenantsReady waits until every tenant is Ready, or one is refused for good, or
// the time is over.
func (p *program) tenantsReady(ctx context.Context, c client.Client, f waitFlags, names []string, patient bool) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	w := &waiter{p: p, c: c, names: names, patient: patient, screen: newScreen(p), refusedAt: map[string]time.Time{}}
	var last []tenancyv1.Tenant
	err := p.Poll(ctx, pollInterval, func() (bool, error) {
		tenants, err := w.look(ctx)
		if err != nil {
			return false, err
		}
		last = tenants
		return w.judge(tenants)
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("not Ready after %s:\n%s", f.timeout, strings.Join(unready(last), "\n"))
	}
	return err
}

func (w *waiter) look(ctx context.Context) ([]tenancyv1.Tenant, error) {
	if len(w.names) == 1 {
		var one tenancyv1.Tenant
		err := w.c.Get(ctx, client.ObjectKey{Name: w.names[0]}, &one)
		return []tenancyv1.Tenant{one}, err
	}
	var list tenancyv1.TenantList
	if err := w.c.List(ctx, &list); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(t tenancyv1.Tenant) bool { return !slices.Contains(w.names, t.Name) }), nil
}

// judge shows the tenants and says whether the wait is over.
func (w *waiter) judge(tenants []tenancyv1.Tenant) (done bool, err error) {
	w.screen.show(tenants, len(w.names))
	ready := 0
	var refusals []error
	for i := range tenants {
		t := &tenants[i]
		if listing.IsReady(t) {
			ready++
		}
		if why := w.refusal(t); why != nil {
			refusals = append(refusals, why)
		}
	}
	if len(refusals) > 0 && !w.patient {
		return true, errors.Join(refusals...)
	}
	return ready == len(w.names), nil
}

// refusal is why the tenant is refused, once that has stood for a while.
func (w *waiter) refusal(t *tenancyv1.Tenant) error {
	why := refusedBy(t)
	if why == nil {
		delete(w.refusedAt, t.Name)
		return nil
	}
	since, known := w.refusedAt[t.Name]
	if !known {
		w.refusedAt[t.Name] = w.p.Clock.Now()
		return nil
	}
	if w.p.Clock.Since(since) < refusalSettles {
		return nil
	}
	return fmt.Errorf("tenant %q is refused: %s: %s", t.Name, why.Reason, why.Message)
}

// refusedBy is the condition that refuses the tenant until somebody acts, nil if
// none does.
func refusedBy(t *tenancyv1.Tenant) *metav1.Condition {
	if t.Status.ObservedGeneration < t.Generation {
		return nil
	}
	for _, c := range t.Status.Conditions {
		byUser := c.Type == tenancy.ConditionAccepted || c.Reason == tenancy.ReasonEnvelopeExceeded
		if c.Status == metav1.ConditionFalse && c.Type != condition.Ready && byUser {
			return &c
		}
	}
	return nil
}

// unready says of every tenant that is not Ready why it is not.
func unready(tenants []tenancyv1.Tenant) []string {
	var lines []string
	for i := range tenants {
		if t := &tenants[i]; !listing.IsReady(t) {
			ready := listing.ReadyCondition(t.Status.Conditions)
			lines = append(lines, fmt.Sprintf("  %s: %s: %s", t.Name, cmp.Or(ready.Reason, "Pending"),
				cmp.Or(ready.Message, "no controller has seen it; \"roadbed doctor\" says whether one runs")))
		}
	}
	slices.Sort(lines)
	return lines
}
