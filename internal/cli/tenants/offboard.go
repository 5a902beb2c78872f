package tenants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// offboardTimeout is how long the verb follows the procedure by default.
const offboardTimeout = 10 * time.Minute

// offboarding is what the offboard verb was asked.
type offboarding struct {
	name, confirm string
	yes, plan     bool
	out           *verb.Output
	waitFlags
}

func (p *program) tenantOffboardVerb() *cobra.Command {
	o := offboarding{out: verb.ResultOutput()}
	cmd := &cobra.Command{
		Use:   "offboard NAME",
		Short: "End a tenant: plan, confirm, and follow the procedure",
		Long: `End a tenant. First the plan is shown: which namespaces, pods and volumes go, and
whether a legal hold stops it. Then you are asked to type the tenant's name; in a
script --yes --confirm NAME answers.

The procedure is: cordon, export, legal-hold check, drain, delete, residue report.
The platform carries it out; this verb follows it and may be interrupted and called
again at any time. Each step stands in the tenant's status and on the trail. With
--plan nothing is asked or changed. With -o the plan, or the tenant in the end, is
printed instead of words.`,
		Example: `  roadbed tenant offboard payments --plan
  roadbed tenant offboard payments
  roadbed tenant offboard payments --yes --confirm payments`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: verb.First(p.TenantNames()),
		RunE: func(cmd *cobra.Command, names []string) error {
			o.name = names[0]
			if o.yes && o.confirm != o.name {
				return verb.Usagef("--yes needs --confirm %s: the tenant's name, typed once more", o.name)
			}
			return p.offboard(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.plan, "plan", false, "show the plan and end")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do it without asking; needs --confirm")
	cmd.Flags().StringVar(&o.confirm, "confirm", "", "the tenant's name once more")
	o.waitFlags.add(cmd, offboardTimeout)
	o.out.AddFlag(cmd)
	return cmd
}

func (p *program) offboard(ctx context.Context, o offboarding) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	var t tenancyv1.Tenant
	if err := c.Get(ctx, client.ObjectKey{Name: o.name}, &t); err != nil {
		return fmt.Errorf("get tenant %q: %w", o.name, err)
	}
	if condition.IsTrue(t.Status.Conditions, tenancy.ConditionOffboarded) && o.out.Chosen == verb.FormatText {
		return p.sayOffboarded(&t)
	}
	plan, err := planOffboarding(ctx, c, &t)
	if err != nil {
		return err
	}
	if o.plan {
		return p.printOffboardingPlan(o.out, plan)
	}
	told := &program{o.out.Told(p.Program)}
	if err := plan.show(told); err != nil {
		return err
	}
	if t.Spec.Lifecycle.State == tenancyv1.LifecycleOffboarding {
		fmt.Fprintf(p.Err, "Tenant %q is being offboarded already.\n", o.name)
	} else if err := p.beginOffboarding(ctx, c, &t, o); err != nil {
		return err
	}
	if o.wait {
		if err := told.followOffboarding(ctx, c, o); err != nil {
			return err
		}
	}
	if o.out.Chosen == verb.FormatText {
		return nil
	}
	return listing.Tenants(p.Clock).Show(ctx, p.Program, o.out, []string{o.name})
}

func (p *program) beginOffboarding(ctx context.Context, c client.Client, t *tenancyv1.Tenant, o offboarding) error {
	if !o.yes {
		flags := "--yes --confirm " + o.name
		if err := p.Confirm("This ends the tenant and deletes what is listed above.", o.name, flags); err != nil {
			return err
		}
	}
	wanted := t.DeepCopy()
	wanted.Spec.Lifecycle.State = tenancyv1.LifecycleOffboarding
	wanted.Spec.Lifecycle.Confirm = o.name
	err := c.Patch(ctx, wanted, client.MergeFromWithOptions(t, client.MergeFromWithOptimisticLock{}), manifest.FieldOwner)
	if err != nil {
		return manifest.Document{Object: withTenantKind(wanted)}.Refused(err)
	}
	return nil
}

// followOffboarding prints each step as it changes until the procedure is done
// or stops for somebody to act.
func (p *program) followOffboarding(ctx context.Context, c client.Client, o offboarding) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	said := map[string]string{}
	var last tenancyv1.Tenant
	err := p.Poll(ctx, pollInterval, func() (bool, error) {
		var t tenancyv1.Tenant
		err := c.Get(ctx, client.ObjectKey{Name: o.name}, &t)
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		last = t
		return p.offboardingStep(&t, said)
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("tenant %q is not offboarded after %s; call the verb again to follow on", o.name, o.timeout)
	}
	if err != nil {
		return err
	}
	return p.sayOffboarded(&last)
}

// sayOffboarded tells how the procedure ended and what is left.
func (p *program) sayOffboarded(t *tenancyv1.Tenant) error {
	s := verb.NewSheet(p.Out)
	printOffboarding(s, t.Status.Offboarding)
	s.Printf("\nTenant %q is offboarded. The Tenant object is what is left of it: \"kubectl delete tenant %[1]s\" removes it.\n", t.Name)
	return s.Err()
}

// offboardingStep prints what is new and says whether the procedure is over.
func (p *program) offboardingStep(t *tenancyv1.Tenant, said map[string]string) (done bool, err error) {
	if t.Status.ObservedGeneration < t.Generation {
		return false, nil // What the status says may be over by now.
	}
	if status := t.Status.Offboarding; status != nil {
		for _, step := range status.Steps {
			line := fmt.Sprintf("%-9s %s %s", step.Name, step.State, step.Message)
			if step.State != "Pending" && said[step.Name] != line {
				said[step.Name] = line
				fmt.Fprintln(p.Err, line)
			}
			if step.State == "Blocked" {
				return true, fmt.Errorf("offboarding stopped at %s: %s", step.Name, step.Message)
			}
		}
	}
	return condition.IsTrue(t.Status.Conditions, tenancy.ConditionOffboarded), nil
}
