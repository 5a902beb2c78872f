package claims

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
)

// Factories make the provisioners of types other than Template, for plans.
type Factories = map[v1alpha1.ProvisionerType]claim.Factory

// program is what verbs share, with the verbs of this package as methods.
type program struct {
	*verb.Program
	factories Factories
}

// Verb holds the verbs of claims.
func Verb(shared *verb.Program, factories Factories) *cobra.Command {
	p := &program{shared, factories}
	cmd := verb.Family("claim", "Plan, look at, approve and move claims",
		`A claim asks a capability for something: a database, a bucket, an environment. It is
an object in a tenant's namespace; which kinds there are, "roadbed capability list"
says. Claims are named KIND/NAME, such as database/orders.`,
		p.planVerb(), p.listVerb(), p.getVerb(), p.describeVerb(),
		p.approveVerb(), p.rejectVerb(), p.rollbackVerb(), p.pinVerb(), p.deleteVerb(),
	)
	cmd.Example = `  roadbed claim plan -f orders.yaml
  roadbed claim approve database/orders -n tenant-payments --reason "sized with the team"
  roadbed claim rollback database/orders -n tenant-payments`
	cmd.GroupID = verb.GroupCluster
	cmd.Aliases = []string{"claims"}
	return cmd
}

// claimVerb is a verb that does something with one claim.
func (p *program) claimVerb(use, short, long, example string, do func(context.Context, client.Client, found) error) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use: use + " KIND/NAME", Short: short, Long: long, Example: example,
		Args: cobra.ExactArgs(1), ValidArgsFunction: verb.First(p.completeClaims(&namespace)),
		RunE: func(cmd *cobra.Command, names []string) error {
			c, err := p.Client()
			if err != nil {
				return err
			}
			f, err := p.read(cmd.Context(), c, namespace, names[0])
			if err != nil {
				return err
			}
			return do(cmd.Context(), c, f)
		},
	}
	namespaceFlag(cmd, &namespace)
	return cmd
}

// completeClaims offers the claims of a namespace, or of all.
func (p *program) completeClaims(namespace *string) verb.Completion {
	return func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		c, err := p.Client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, err := list(cmd.Context(), c, *namespace, "")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, each := range all {
			if name := strings.ToLower(each.GetKind()) + "/" + each.GetName(); strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// namespaceFlag gives a command the flag that says where the claim is.
func namespaceFlag(cmd *cobra.Command, namespace *string) {
	cmd.Flags().StringVarP(namespace, "namespace", "n", "", "namespace of the claim")
}

// capabilities are all capabilities, by name.
func capabilities(ctx context.Context, c client.Client) ([]v1alpha1.Capability, error) {
	var all v1alpha1.CapabilityList
	if err := c.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("list capabilities: %w", err)
	}
	slices.SortFunc(all.Items, func(a, b v1alpha1.Capability) int { return cmp.Compare(a.Name, b.Name) })
	return all.Items, nil
}

// kindOf is the claims' kind of a capability, in the version that is stored.
func kindOf(c *v1alpha1.Capability) schema.GroupVersionKind {
	kind := schema.GroupVersionKind{Group: cmp.Or(c.Spec.Group, v1alpha1.ClaimsGroup), Kind: c.Spec.Names.Kind}
	for _, v := range c.Spec.Versions {
		if v.Storage {
			kind.Version = v.Name
		}
	}
	return kind
}

// called says whether a capability's claims are called by a word.
func called(c *v1alpha1.Capability, word string) bool {
	names := append([]string{c.Name, c.Spec.Names.Plural, c.Spec.Names.Singular, c.Spec.Names.Kind}, c.Spec.Names.ShortNames...)
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, word) })
}

// capabilityOf is the capability whose claims are called by a word.
func capabilityOf(ctx context.Context, c client.Client, word string) (*v1alpha1.Capability, error) {
	all, err := capabilities(ctx, c)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range all {
		if called(&all[i], word) {
			return &all[i], nil
		}
		names = append(names, strings.ToLower(all[i].Spec.Names.Kind))
	}
	return nil, verb.Usagef("no capability is claimed as %q: there are %s", word, cmp.Or(strings.Join(names, ", "), "none yet"))
}

// found is a claim with its capability. The claim is read in its own version.
type found struct {
	capability *v1alpha1.Capability
	claim      *unstructured.Unstructured
}

// read reads a claim that is named KIND/NAME.
func (p *program) read(ctx context.Context, c client.Client, namespace, name string) (found, error) {
	kind, name, ok := strings.Cut(name, "/")
	if !ok {
		return found{}, verb.Usagef("a claim is named KIND/NAME, such as database/orders")
	}
	if namespace == "" {
		return found{}, verb.Usagef("--namespace: say in which namespace claim %q is", name)
	}
	capability, err := capabilityOf(ctx, c, kind)
	if err != nil {
		return found{}, err
	}
	made := &unstructured.Unstructured{}
	made.SetGroupVersionKind(kindOf(capability))
	key := client.ObjectKey{Namespace: namespace, Name: name}
	if err := c.Get(ctx, key, made); err != nil {
		return found{}, fmt.Errorf("get claim %q in namespace %q: %w", name, namespace, err)
	}
	if version := made.GetLabels()[v1alpha1.LabelVersion]; version != "" && version != made.GroupVersionKind().Version {
		own := &unstructured.Unstructured{}
		own.SetGroupVersionKind(made.GroupVersionKind().GroupKind().WithVersion(version))
		if err := c.Get(ctx, key, own); err != nil {
			return found{}, fmt.Errorf("get claim %q in namespace %q in version %q: %w", name, namespace, version, err)
		}
		made = own
	}
	return found{capability, made}, nil
}

// text is a field of a claim as text, empty when it is not there.
func text(claim *unstructured.Unstructured, fields ...string) string {
	value, _, err := unstructured.NestedString(claim.Object, fields...)
	if err != nil {
		return ""
	}
	return value
}
