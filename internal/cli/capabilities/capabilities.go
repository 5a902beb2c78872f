package capabilities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
)

// program is what verbs share, with the verbs of this package as methods.
type program struct{ *verb.Program }

// Verbs are the families "capability" and "flag".
func Verbs(shared *verb.Program) []*cobra.Command {
	p := &program{shared}
	capabilities := verb.Family("capability", "Publish, compare and deprecate capabilities",
		`A capability is something that a team of the platform provides, published as a
versioned API: tenants claim it by kubectl or HTTP. Its versions are alpha, beta, ga,
deprecated and removed; what each stage promises, the server holds.`,
		p.listVerb(), p.getVerb(), p.lintVerb(), p.diffVerb(), p.publishVerb(), p.deprecateVerb(), p.consumersVerb(), p.docsVerb(), p.shippedVerb(),
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

func (p *program) listVerb() *cobra.Command {
	out := verb.NewOutput(verb.FormatTable, verb.FormatJSON, verb.FormatYAML)
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List capabilities with their versions and claims",
		Long:    "List the capabilities of the cluster: who owns them, the kind that is claimed, their\nversions with the stages these are at, and how many claims there are.",
		Example: "  roadbed capability list",
		Args:    cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.Client()
			if err != nil {
				return err
			}
			all, err := capabilities(cmd.Context(), c)
			if err != nil {
				return err
			}
			return out.Print(p.Out, all, func() error { return p.table(all) })
		},
	}
	out.AddFlag(cmd)
	return cmd
}

func capabilities(ctx context.Context, c client.Client) ([]v1alpha1.Capability, error) {
	var all v1alpha1.CapabilityList
	if err := c.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("list capabilities: %w", err)
	}
	slices.SortFunc(all.Items, func(a, b v1alpha1.Capability) int { return cmp.Compare(a.Name, b.Name) })
	return all.Items, nil
}

func (p *program) table(all []v1alpha1.Capability) error {
	var rows [][]string
	for i := range all {
		c := &all[i]
		var versions []string
		for j := range c.Spec.Versions {
			versions = append(versions, c.Spec.Versions[j].Name+" "+string(c.Spec.Versions[j].Stage))
		}
		ready := string(listing.ReadyCondition(c.Status.Conditions).Status)
		rows = append(rows, []string{c.Name, string(c.Spec.Layer), c.Spec.Owner.Team, c.Spec.Names.Kind, strings.Join(versions, ", "), strconv.Itoa(int(c.Status.Claims)), ready})
	}
	return verb.Table(p.Out, []string{"NAME", "LAYER", "OWNER", "KIND", "VERSIONS", "CLAIMS", "READY"}, rows)
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
	found.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Capability"))
	found.ManagedFields = nil
	return c, &found, nil
}

func (p *program) getVerb() *cobra.Command {
	return &cobra.Command{
		Use: "get NAME", Aliases: []string{"describe"}, Short: "Show a capability as the cluster has it",
		Long:    "Show one capability in a line, or whole with -o yaml or -o json.",
		Example: "  roadbed capability get database",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: p.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, found, err := p.read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			text, err := yaml.Marshal(found)
			if err != nil {
				return fmt.Errorf("write capability %q: %w", found.Name, err)
			}
			_, err = p.Out.Write(text)
			return err
		},
	}
}

func (p *program) docsVerb() *cobra.Command {
	return &cobra.Command{
		Use: "docs NAME", Short: "Print a capability's docs page",
		Long:    "Print the page that explains a capability to those who claim it: what it gives, its\nversions and their fields, its objectives and its price, in Markdown.",
		Example: "  roadbed capability docs database",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: p.names,
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

func (p *program) consumersVerb() *cobra.Command {
	return &cobra.Command{
		Use: "consumers NAME", Short: "Count who claims and uses each version",
		Long:    "Count the claims of each version, and who used it through the gateway in the last 90\ndays. A refusal to remove a version names them.",
		Example: "  roadbed capability consumers database",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: p.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, found, err := p.read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var rows [][]string
			for _, v := range found.Status.Versions {
				rows = append(rows, []string{v.Name, string(v.Stage), strconv.Itoa(int(v.Claims)), strconv.Itoa(int(v.Consumers)), v.Path})
			}
			return verb.Table(p.Out, []string{"VERSION", "STAGE", "CLAIMS", "CONSUMERS", "PATH"}, rows)
		},
	}
}

// names completes the names of capabilities.
func (p *program) names(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := p.Client()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := capabilities(cmd.Context(), c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for i := range all {
		names = append(names, all[i].Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// load reads a Capability from a file.
func (p *program) load(file string) (*v1alpha1.Capability, error) {
	data, name, err := manifest.Input(p.Program, file)
	if err != nil {
		return nil, err
	}
	if err := manifest.Malformed(name, data); err != nil {
		return nil, err
	}
	var read v1alpha1.Capability
	if err := yaml.UnmarshalStrict(data, &read); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if read.Kind != "Capability" || read.APIVersion != v1alpha1.GroupVersion.String() {
		return nil, verb.Usagef("%s: want one document of kind Capability, apiVersion %s", name, v1alpha1.GroupVersion)
	}
	if capability.Storage(&read) == nil {
		return nil, fmt.Errorf("%s: spec.versions: exactly one version must have storage: true", name)
	}
	return &read, nil
}
