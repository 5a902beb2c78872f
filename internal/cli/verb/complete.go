package verb

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// completionTimeout bounds the wait for the cluster while somebody holds Tab.
const completionTimeout = 2 * time.Second

// Completion offers values for an argument or a flag.
type Completion = func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective)

// CompleteNames offers the names of the cluster's objects of one kind. A cluster
// that does not answer offers nothing and breaks no shell.
func (p *Program) CompleteNames(newList func() client.ObjectList) Completion {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		c, err := p.Client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		list := newList()
		if err := c.List(ctx, list); err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		_ = meta.EachListItem(list, func(object runtime.Object) error {
			if o, ok := object.(client.Object); ok {
				names = append(names, o.GetName())
			}
			return nil
		})
		return matching(names, args, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// matching are the names with the prefix that are not among the arguments yet.
func matching(names, args []string, prefix string) []string {
	names = slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, prefix) || slices.Contains(args, name)
	})
	slices.Sort(names)
	return names
}

// First completes only the first argument.
func First(c Completion) Completion {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c(cmd, args, prefix)
	}
}

// CompleteFixed offers words that are known beforehand.
func CompleteFixed(words ...string) Completion {
	return func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return matching(slices.Clone(words), args, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteFiles lets the shell complete files.
func CompleteFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// CompleteFlag gives a flag its completion.
func CompleteFlag(cmd *cobra.Command, flag string, c Completion) {
	Must(cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return c(cmd, nil, prefix)
	}))
}

// TenantNames offers the names of tenants.
func (p *Program) TenantNames() Completion {
	return p.CompleteNames(func() client.ObjectList { return &tenancyv1.TenantList{} })
}

// UnitNames offers the names of business units.
func (p *Program) UnitNames() Completion {
	return p.CompleteNames(func() client.ObjectList { return &tenancyv1.BusinessUnitList{} })
}

// TierNames offers the names of tiers.
func (p *Program) TierNames() Completion {
	return p.CompleteNames(func() client.ObjectList { return &tenancyv1.TierList{} })
}
