package overrides

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// override shortens the kind's name.
type override = *policyv1.PolicyOverride

// program is what verbs share, with the verbs of this package as methods.
type program struct{ *verb.Program }

// Verb holds the verbs of overrides, for a place under the verb policy.
func Verb(shared *verb.Program) *cobra.Command {
	p := &program{shared}
	cmd := &cobra.Command{
		Use:     "override",
		Aliases: []string{"overrides", "pov"},
		Short:   "Ask for, look at and decide on overrides of policies",
		Long: `An override waives policies for some objects of a tenant until a date. Somebody
asks for it and says why, somebody else approves it, and it ends by itself.
Mandatory policies are never waived.`,
		Args: verb.NoSuchVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		p.createVerb(), p.listVerb(), p.getVerb(),
		p.decisionVerb(approving()), p.decisionVerb(rejecting()), p.decisionVerb(revoking()),
		p.importVerb(),
	)
	return cmd
}

// namespaceFlag gives a command the flag that says where overrides are.
func (p *program) namespaceFlag(cmd *cobra.Command, namespace *string, usage string) {
	cmd.Flags().StringVarP(namespace, "namespace", "n", "", usage)
}

// names completes the names of overrides.
func (p *program) names() verb.Completion {
	return verb.First(p.CompleteNames(func() client.ObjectList { return &policyv1.PolicyOverrideList{} }))
}

// read reads one override.
func (p *program) read(ctx context.Context, c client.Client, namespace, name string) (override, error) {
	o := &policyv1.PolicyOverride{}
	if namespace == "" {
		return nil, verb.Usagef("--namespace: say in which namespace override %q is", name)
	}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, o); err != nil {
		return nil, fmt.Errorf("get override %q in namespace %q: %w", name, namespace, err)
	}
	return o, nil
}

// sorted are the overrides by namespace and name.
func sorted(list []policyv1.PolicyOverride) []override {
	all := make([]override, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	slices.SortFunc(all, func(a, b override) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	return all
}
