package capabilities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

func (p *program) flagListVerb() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List feature flags, whose they are and what they open",
		Long:    "List feature flags with their state, the tenants they are switched on for, and the\nalpha versions that they open.",
		Example: "  roadbed flag list",
		Args:    cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.Client()
			if err != nil {
				return err
			}
			var all v1alpha1.FeatureFlagList
			if err := c.List(cmd.Context(), &all); err != nil {
				return fmt.Errorf("list feature flags: %w", err)
			}
			slices.SortFunc(all.Items, func(a, b v1alpha1.FeatureFlag) int { return cmp.Compare(a.Name, b.Name) })
			var rows [][]string
			for i := range all.Items {
				flag := &all.Items[i]
				rows = append(rows, []string{
					flag.Name, string(flag.Spec.State), flag.Spec.DefaultVariant, strings.Join(flag.Spec.Targets.Tenants, ", "),
					strings.Join(flag.Spec.Targets.BusinessUnits, ", "), strings.Join(flag.Status.UsedBy, ", "),
				})
			}
			return verb.Table(p.Out, []string{"NAME", "STATE", "DEFAULT", "TENANTS", "BUSINESS UNITS", "OPENS"}, rows)
		},
	}
}

// switchVerb is enable or disable: change is what becomes of the list of tenants.
func (p *program) switchVerb(use, short string, change func(tenants []string, tenant string) []string) *cobra.Command {
	tenant := ""
	cmd := &cobra.Command{
		Use: use + " NAME", Short: short,
		Long:    short + ". Other tenants keep what they have.",
		Example: "  roadbed flag " + use + " database-v3 --tenant payments",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: verb.First(p.CompleteNames(func() client.ObjectList { return &v1alpha1.FeatureFlagList{} })),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.Client()
			if err != nil {
				return err
			}
			if err := rewrite(cmd.Context(), c, args[0], func(flag *v1alpha1.FeatureFlag) {
				flag.Spec.Targets.Tenants = change(flag.Spec.Targets.Tenants, tenant)
			}); err != nil {
				return fmt.Errorf("%s feature flag %q for tenant %q: %w", use, args[0], tenant, err)
			}
			if _, err := fmt.Fprintf(p.Out, "feature flag %s %sd for tenant %s\n", args[0], use, tenant); err != nil {
				return err
			}
			return p.hint(cmd.Context(), c, tenant)
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "tenant whose flag it is")
	verb.CompleteFlag(cmd, "tenant", p.TenantNames())
	verb.Must(cmd.MarkFlagRequired("tenant"))
	return cmd
}

// hint says when there is no such tenant: a flag may be switched before one comes,
// and a name may be misspelt.
func (p *program) hint(ctx context.Context, c client.Client, tenant string) error {
	err := c.Get(ctx, client.ObjectKey{Name: tenant}, &tenancyv1alpha1.Tenant{})
	if !apierrors.IsNotFound(err) {
		return nil // Whoever may not look at tenants is told nothing.
	}
	_, err = fmt.Fprintf(p.Err, "there is no tenant %q; see \"roadbed tenant list\"\n", tenant)
	return err
}

// rewrite changes a flag, again when somebody else was faster.
func rewrite(ctx context.Context, c client.Client, name string, change func(*v1alpha1.FeatureFlag)) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		var flag v1alpha1.FeatureFlag
		if err := c.Get(ctx, client.ObjectKey{Name: name}, &flag); apierrors.IsNotFound(err) {
			return fmt.Errorf("%w; \"roadbed flag list\" shows those there are", err)
		} else if err != nil {
			return err
		}
		change(&flag)
		return c.Update(ctx, &flag, manifest.FieldOwner)
	})
}

func added(tenants []string, tenant string) []string {
	if slices.Contains(tenants, tenant) {
		return tenants
	}
	return append(tenants, tenant)
}

func without(tenants []string, tenant string) []string {
	return slices.DeleteFunc(tenants, func(other string) bool { return other == tenant })
}
