package claims

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

func (p *program) listVerb() *cobra.Command {
	var namespace, kind string
	out := verb.ListOutput()
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List claims of all capabilities, or of one",
		Long:    "List the claims of a namespace, or of all: their capability and revision, whether they\nare ready, and where what was made for them is reached.",
		Example: "  roadbed claim list -n tenant-payments\n  roadbed claim list --kind database",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.Client()
			if err != nil {
				return err
			}
			all, err := list(cmd.Context(), c, namespace, kind)
			if err != nil {
				return err
			}
			return out.Print(p.Out, all, func() error { return verb.Table(p.Out, headings, rows(all)) })
		},
	}
	namespaceFlag(cmd, &namespace)
	cmd.Flags().StringVar(&kind, "kind", "", "only claims of this kind, such as database")
	out.AddFlag(cmd)
	return cmd
}

var headings = []string{"NAMESPACE", "CLAIM", "VERSION", "REVISION", "READY", "MESSAGE"}

// list are the claims of a namespace, or of all.
func list(ctx context.Context, c client.Client, namespace, kind string) ([]*unstructured.Unstructured, error) {
	all, err := capabilities(ctx, c)
	if err != nil {
		return nil, err
	}
	found := []*unstructured.Unstructured{}
	for i := range all {
		if kind != "" && !called(&all[i], kind) {
			continue
		}
		of := kindOf(&all[i])
		some := &unstructured.UnstructuredList{}
		some.SetGroupVersionKind(of.GroupVersion().WithKind(of.Kind + "List"))
		err := c.List(ctx, some, client.InNamespace(namespace))
		if meta.IsNoMatchError(err) {
			continue // It is not served yet.
		}
		if err != nil {
			return nil, fmt.Errorf("list claims of %q: %w", all[i].Name, err)
		}
		for j := range some.Items {
			found = append(found, &some.Items[j])
		}
	}
	return found, nil
}

func rows(all []*unstructured.Unstructured) [][]string {
	made := make([][]string, 0, len(all))
	for _, each := range all {
		status, message := "Unknown", "Roadbed has not looked at it yet."
		if ready := condition.Get((&claim.Claim{Unstructured: each}).GetConditions(), condition.Ready); ready != nil {
			status, message = string(ready.Status), ready.Message
		}
		made = append(made, []string{
			each.GetNamespace(), each.GetKind() + "/" + each.GetName(), text(each, "status", "version"), text(each, "status", "revision"), status, message,
		})
	}
	return made
}

func (p *program) getVerb() *cobra.Command {
	var namespace string
	out := verb.ListOutput()
	cmd := &cobra.Command{
		Use:     "get KIND/NAME",
		Short:   "Show one claim in a line, or whole with -o",
		Long:    "Show one claim in a line, or whole with -o yaml or -o json. The kind may be a plural\nor a short name, as kubectl has it.",
		Example: "  roadbed claim get database/orders -n tenant-payments -o yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return p.on(cmd.Context(), namespace, names[0], func(_ client.Client, f found) error {
				return out.Print(p.Out, f.claim.Object, func() error {
					return verb.Table(p.Out, headings, rows([]*unstructured.Unstructured{f.claim}))
				})
			})
		},
	}
	namespaceFlag(cmd, &namespace)
	out.AddFlag(cmd)
	return cmd
}

// on reads a claim and does something with it.
func (p *program) on(ctx context.Context, namespace, name string, do func(client.Client, found) error) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	f, err := p.read(ctx, c, namespace, name)
	if err != nil {
		return err
	}
	return do(c, f)
}

func (p *program) describeVerb() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:     "describe KIND/NAME",
		Short:   "Say how a claim stands, what it consists of and what it waits for",
		Long:    "Say how a claim stands, what it consists of and what it waits for: its conditions, the\nobjects that were made for it, its connection Secret, its cost and its approvals.",
		Example: "  roadbed claim describe database/orders -n tenant-payments",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return p.on(cmd.Context(), namespace, names[0], func(_ client.Client, f found) error {
				describe(p.Out, f)
				return nil
			})
		},
	}
	namespaceFlag(cmd, &namespace)
	return cmd
}

func describe(out io.Writer, f found) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%-12s %s\n", name+":", value)
		}
	}
	line("Claim", fmt.Sprintf("%s %s/%s", f.claim.GetKind(), f.claim.GetNamespace(), f.claim.GetName()))
	line("Capability", fmt.Sprintf("%s, of the team %s", f.capability.Name, f.capability.Spec.Owner.Team))
	line("Version", text(f.claim, "status", "version"))
	line("Revision", text(f.claim, "status", "revision"))
	line("Requester", approval.Requester(f.claim))
	line("Endpoint", text(f.claim, "status", "endpoint"))
	line("Secret", text(f.claim, "status", "connectionSecretRef", "name"))
	if amount := text(f.claim, "status", "cost", "amount"); amount != "" {
		line("Cost", cost(&v1alpha1.ClaimCost{Amount: amount, Currency: text(f.claim, "status", "cost", "currency"), Per: text(f.claim, "status", "cost", "per")}))
	}
	for _, c := range (&claim.Claim{Unstructured: f.claim}).GetConditions() {
		line(c.Type, fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message))
	}
	resources, _, _ := unstructured.NestedSlice(f.claim.Object, "status", "resources")
	for _, each := range resources {
		if entry, is := each.(map[string]any); is {
			line("Object", fmt.Sprintf("%v %v", entry["kind"], entry["name"]))
		}
	}
}
