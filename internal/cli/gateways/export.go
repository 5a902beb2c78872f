package gateways

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/export"
)

// exportFlags say what export reads and writes.
type exportFlags struct {
	files                      []string
	vendor, class              string
	clusterIssuer, clusterKeys string
	findings, strict           bool
	out                        *verb.Output
}

func (p *program) exportVerb() *cobra.Command {
	f := &exportFlags{out: verb.NewOutput(verb.FormatYAML, verb.FormatJSON)}
	var names []string
	for _, vendor := range export.Vendors() {
		names = append(names, string(vendor))
	}
	cmd := &cobra.Command{
		Use:   "export --for GATEWAY",
		Short: "Write Gateways, routes and policies for Envoy Gateway, Istio or Kong",
		Long: `Write the Gateways of Roadbed's class, their routes and what guards them for another
gateway: standard objects of Gateway API, and thin policies of that gateway's own kinds.
They are read from files, or from the cluster without any. They are meant for the
cluster of the other gateway: in this one, the Gateways would change hands.

What the other gateway cannot enforce goes to the standard error, or with --findings to
the standard output instead of the objects. Each finding has an effect: Open when
requests pass that Roadbed's gateway refuses, Closed when requests are refused that it
lets pass, Missing when callers or operators are told less. A rule whose callers cannot
be checked at all is written without backends, so that it answers 500.

When the other gateway's GatewayClass is among what is read, what is written is held
against its status.supportedFeatures. The exit code is 1 with --strict when there is a
finding.`,
		Example: `  roadbed gateway export --for envoy-gateway > envoy-gateway.yaml
  roadbed gateway export --for istio -f routes/ --findings
  roadbed gateway export --for kong -f api.yaml --class kong-internal --strict`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.export(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.vendor, "for", "", "the other gateway: "+strings.Join(names, ", "))
	flags.StringArrayVarP(&f.files, "filename", "f", nil, "file or folder with objects, - for the standard input; may be repeated")
	flags.StringVar(&f.class, "class", "", "the other gateway's GatewayClass (default eg, istio or kong)")
	flags.StringVar(&f.clusterIssuer, "cluster-issuer", "", "issuer of the cluster's service account tokens (default what the live cluster says)")
	flags.StringVar(&f.clusterKeys, "cluster-keys", "", "file with the keys of that issuer, as JSON (default what the live cluster says)")
	flags.BoolVar(&f.findings, "findings", false, "print what cannot be enforced instead of the objects")
	flags.BoolVar(&f.strict, "strict", false, "exit with 1 when something cannot be enforced")
	verb.Must(cmd.MarkFlagRequired("for"))
	verb.CompleteFlag(cmd, "for", verb.CompleteFixed(names...))
	verb.CompleteFlag(cmd, "filename", verb.CompleteFiles)
	verb.CompleteFlag(cmd, "cluster-keys", verb.CompleteFiles)
	f.out.AddFlag(cmd)
	return cmd
}

func (p *program) export(ctx context.Context, f *exportFlags) error {
	vendor := export.Vendor(f.vendor)
	if !slices.Contains(export.Vendors(), vendor) {
		return verb.Usagef("--for %s: must be one of %v", f.vendor, export.Vendors())
	}
	in, issuer, err := p.read(ctx, f)
	if err != nil {
		return err
	}
	result, err := export.Export(in, export.Options{For: vendor, Class: f.class, Cluster: issuer})
	if err != nil {
		return err
	}
	if len(result.Objects) == 0 {
		return fmt.Errorf("no Gateway of class %s and no route for one: there is nothing to export", export.OwnClass)
	}
	if err := p.print(f, result); err != nil {
		return err
	}
	if f.strict && len(result.Findings) > 0 {
		return verb.Exit(verb.ExitFailed)
	}
	return nil
}

// print writes the objects and tells the findings, or writes the findings.
func (p *program) print(f *exportFlags, result export.Result) error {
	if f.findings {
		findings := result.Findings
		if findings == nil {
			findings = []export.Finding{}
		}
		return f.out.Print(p.Out, findings, nil)
	}
	for _, finding := range result.Findings {
		fmt.Fprintln(p.Err, finding)
	}
	if f.out.Chosen == verb.FormatJSON {
		return f.out.Print(p.Out, map[string]any{"apiVersion": "v1", "kind": "List", "items": result.Objects}, nil)
	}
	for _, object := range result.Objects {
		data, err := yaml.Marshal(object)
		if err != nil {
			return fmt.Errorf("write %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		fmt.Fprintf(p.Out, "---\n%s", data)
	}
	return nil
}
