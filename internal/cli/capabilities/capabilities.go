package capabilities

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
)

// program is what verbs share, with the verbs of this package as methods.
type program struct{ *verb.Program }

// Verbs are the families "capability" and "flag".
func Verbs(shared *verb.Program) []*cobra.Command {
	p := &program{shared}
	kind := listing.Capabilities(p.Clock)
	capabilities := verb.Family("capability", "Publish, compare and deprecate capabilities",
		`A capability is something that a team of the platform provides, published as a
versioned API: tenants claim it by kubectl or HTTP. Its versions are alpha, beta, ga,
deprecated and removed; what each stage promises, the server holds.`,
		listing.ListVerb(shared, kind), listing.GetVerb(shared, kind), listing.DescribeVerb(shared, kind, p.describe),
		p.lintVerb(), p.diffVerb(), p.publishVerb(), p.deprecateVerb(), p.consumersVerb(), p.docsVerb(), p.shippedVerb(),
	)
	capabilities.Aliases = []string{"capabilities"}
	flags := verb.Family("flag", "Switch feature flags for tenants",
		`A feature flag opens alpha versions of capabilities to tenants.`,
		p.flagListVerb(), p.switchVerb("enable", "Switch a flag on for a tenant", added), p.switchVerb("disable", "Switch a flag off for a tenant", without),
	)
	flags.Aliases = []string{"flags"}
	for _, family := range []*cobra.Command{capabilities, flags} {
		family.GroupID = verb.GroupCluster
	}
	return []*cobra.Command{capabilities, flags}
}

// names completes the names of capabilities.
func (p *program) names() verb.Completion {
	return verb.First(p.CompleteNames(func() client.ObjectList { return &v1alpha1.CapabilityList{} }))
}

// read reads a capability of the cluster.
func (p *program) read(ctx context.Context, name string) (client.Client, *v1alpha1.Capability, error) {
	c, err := p.Client()
	if err != nil {
		return nil, nil, err
	}
	var found v1alpha1.Capability
	if err := c.Get(ctx, client.ObjectKey{Name: name}, &found); err != nil {
		return nil, nil, fmt.Errorf("get capability %q: %w", name, err)
	}
	return c, &found, nil
}

// describe says in words how a capability stands.
func (p *program) describe(_ *cobra.Command, _ client.Client, c *v1alpha1.Capability) error {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(p.Out, "%-14s %s\n", name+":", value)
		}
	}
	line("Capability", fmt.Sprintf("%s, claimed as %s in %s", c.Name, c.Spec.Names.Kind, capability.Group(c)))
	line("Owner", fmt.Sprintf("%s, layer %s", c.Spec.Owner.Team, c.Spec.Layer))
	line("Description", c.Spec.Description)
	line("Approval", string(c.Spec.Approval.Mode))
	line("Route", c.Status.Route)
	for i := range c.Spec.Versions {
		line("Version", versionLine(c, &c.Spec.Versions[i]))
	}
	for _, condition := range c.Status.Conditions {
		line(condition.Type, fmt.Sprintf("%s %s: %s", condition.Status, condition.Reason, condition.Message))
	}
	return nil
}

// versionLine says how a version stands.
func versionLine(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) string {
	text := fmt.Sprintf("%s %s", v.Name, v.Stage)
	if status := capability.VersionStatus(c, v.Name); status != nil {
		text += fmt.Sprintf(", %d claims, %d consumers", status.Claims, status.Consumers)
		if status.Path != "" {
			text += ", at " + status.Path
		}
	}
	if v.Sunset != nil {
		text += ", works until " + v.Sunset.UTC().Format(time.DateOnly)
	}
	if v.Flag != "" {
		text += ", behind flag " + v.Flag
	}
	return text
}

func (p *program) docsVerb() *cobra.Command {
	return &cobra.Command{
		Use: "docs NAME", Short: "Print a capability's docs page",
		Long:    "Print the page that explains a capability to those who claim it: what it gives, its\nversions and their fields, its objectives and its price, in Markdown.",
		Example: "  roadbed capability docs databases",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: p.names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, found, err := p.read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			text, err := capability.Docs(found)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(p.Out, text)
			return err
		},
	}
}
