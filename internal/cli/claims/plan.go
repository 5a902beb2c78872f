package claims

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

func (p *program) planVerb() *cobra.Command {
	var file, namespace string
	cmd := &cobra.Command{
		Use:   "plan -f FILE",
		Short: "Show everything that a claim would make, and make nothing",
		Long: `Show every object that a claim would consist of, what would be made outside the
cluster, what it costs and who has to agree. The API server checks the claim as it
would when it is made, and what is wrong is named with its line. What Roadbed then
applies is what is shown; values that other objects have yet to say stand as the
expressions that will read them.`,
		Example: "  roadbed claim plan -f orders.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return verb.Usagef("-f FILE must be given")
			}
			return p.plan(cmd.Context(), file, namespace)
		},
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", "file with claims; - for standard input")
	namespaceFlag(cmd, &namespace)
	return cmd
}

func (p *program) plan(ctx context.Context, file, namespace string) error {
	documents, err := manifest.ReadAny(p.Program, file)
	if err != nil {
		return err
	}
	c, err := p.Client()
	if err != nil {
		return err
	}
	for _, document := range documents {
		if err := p.planOne(ctx, c, document, namespace); err != nil {
			return err
		}
	}
	return nil
}

// planOne shows what one claim would make.
func (p *program) planOne(ctx context.Context, c client.Client, document manifest.Document, namespace string) error {
	asked := document.Object.(*unstructured.Unstructured).DeepCopy() // ReadAny makes no others
	if namespace != "" {
		asked.SetNamespace(namespace)
	}
	if asked.GetNamespace() == "" {
		return document.Mistake("metadata", "metadata.namespace is missing: say in which namespace the claim is, there or with --namespace", nil)
	}
	capability, err := capabilityOf(ctx, c, asked.GetKind())
	if err != nil {
		return document.Mistake("kind", err.Error(), err)
	}
	checked, err := dryRun(ctx, c, asked)
	if err != nil {
		return document.Refused(err)
	}
	preview, err := claim.NewPreviewer(c, p.factories).Preview(ctx, capability.Name, checked)
	if refused := (*claim.RefusedError)(nil); errors.As(err, &refused) || errors.Is(err, provision.ErrInvalid) {
		return document.Wrong(err)
	}
	if err != nil {
		return err
	}
	return show(p.Out, checked, preview)
}

// dryRun is the claim as the API server would store it.
func dryRun(ctx context.Context, c client.Client, asked *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	checked := asked.DeepCopy()
	err := c.Create(ctx, checked, client.DryRunAll, client.FieldValidation("Strict"))
	if !apierrors.IsAlreadyExists(err) {
		return checked, err
	}
	live := asked.DeepCopy()
	if err := c.Get(ctx, client.ObjectKeyFromObject(asked), live); err != nil {
		return nil, err
	}
	live.Object["spec"] = asked.DeepCopy().Object["spec"]
	return live, c.Update(ctx, live, client.DryRunAll, client.FieldValidation("Strict"))
}

// show prints what a claim would make.
func show(out io.Writer, of *unstructured.Unstructured, preview *claim.Preview) error {
	fmt.Fprintf(out, "# %s %s/%s, rendered by %s\n", of.GetKind(), of.GetNamespace(), of.GetName(), preview.Revision)
	fmt.Fprintf(out, "# approval: %s; when it is deleted: %s; cost: %s\n", preview.Approval, preview.Policy, cost(preview.Cost))
	switch endpoint := cmp.Or(preview.Endpoint, text(of, "status", "endpoint")); {
	case endpoint != "":
		fmt.Fprintf(out, "# endpoint: %s\n", endpoint)
	case preview.Secret != "":
		fmt.Fprintln(out, "# endpoint: the claim says so in status.endpoint once it is made")
	}
	if preview.Secret != "" {
		fmt.Fprintf(out, "# connection Secret %s with %s\n", preview.Secret, strings.Join(preview.Keys, ", "))
	}
	for _, each := range preview.External {
		fmt.Fprintf(out, "# outside the cluster, %s: %s %s %s\n", each.System, each.Kind, each.Name, each.Detail)
	}
	for _, object := range preview.Objects {
		content, err := yaml.Marshal(object.Object)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "---\n%s", content)
	}
	return nil
}

// cost is a price as people write it.
func cost(c *v1alpha1.ClaimCost) string {
	if c == nil {
		return "none"
	}
	return fmt.Sprintf("%s %s per %s", c.Amount, c.Currency, strings.ToLower(c.Per))
}
