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
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
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
			return p.print(out, all, all)
		},
	}
	namespaceFlag(cmd, &namespace)
	cmd.Flags().StringVar(&kind, "kind", "", "only claims of this kind, such as database")
	out.AddFlag(cmd)
	return cmd
}

func headings(wide bool) []string {
	short := []string{"NAMESPACE", "CLAIM", "VERSION", "REVISION", "READY", "MESSAGE"}
	if wide {
		return append(short, "ENDPOINT", "SECRET", "REQUESTER")
	}
	return short
}

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

func rows(all []*unstructured.Unstructured, wide bool) [][]string {
	made := make([][]string, 0, len(all))
	for _, each := range all {
		status, message := "Unknown", "Roadbed has not looked at it yet."
		if ready := condition.Get((&claim.Claim{Unstructured: each}).GetConditions(), condition.Ready); ready != nil {
			status, message = string(ready.Status), ready.Message
		}
		row := []string{
			each.GetNamespace(), each.GetKind() + "/" + each.GetName(), text(each, "status", "version"), text(each, "status", "revision"), status, message,
		}
		if wide {
			row = append(row, text(each, "status", "endpoint"), text(each, "status", "connectionSecretRef", "name"), approval.Requester(each))
		}
		made = append(made, row)
	}
	return made
}

func (p *program) getVerb() *cobra.Command {
	out := verb.ListOutput()
	cmd := p.claimVerb("get", "Show one claim in a line, or whole with -o",
		"Show one claim in a line, or whole with -o yaml or -o json. The kind may be a plural\nor a short name, as kubectl has it.",
		"  roadbed claim get database/orders -n tenant-payments -o yaml",
		func(_ context.Context, _ client.Client, f found) error {
			return p.print(out, f.claim.Object, []*unstructured.Unstructured{f.claim})
		})
	out.AddFlag(cmd)
	return cmd
}

// print writes claims in the chosen format; whole is what JSON and YAML show.
func (p *program) print(out *verb.Output, whole any, all []*unstructured.Unstructured) error {
	return out.Print(p.Out, whole, func() error {
		if out.Chosen != verb.FormatName {
			return verb.Table(p.Out, headings(out.Chosen == verb.FormatWide), rows(all, out.Chosen == verb.FormatWide))
		}
		for _, each := range all {
			if _, err := fmt.Fprintln(p.Out, manifest.FullName(each)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *program) describeVerb() *cobra.Command {
	return p.claimVerb("describe", "Say how a claim stands, what it consists of and what it waits for",
		"Say how a claim stands, what it consists of and what it waits for: its conditions, the\nobjects that were made for it, its connection Secret, its cost and its approvals.",
		"  roadbed claim describe database/orders -n tenant-payments",
		func(_ context.Context, _ client.Client, f found) error {
			describe(p.Out, f)
			return nil
		})
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
