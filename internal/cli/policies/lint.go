package policies

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/cli/policies/format"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/lint"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// lintFlags are those of the verb lint.
type lintFlags struct {
	source source
	failOn string
	fix    bool
	out    *verb.Output
}

func (p *program) lintVerb() *cobra.Command {
	f := &lintFlags{out: verb.NewOutput(verb.FormatText, verb.FormatJSON, verb.FormatYAML, verb.FormatSARIF, verb.FormatJUnit)}
	cmd := &cobra.Command{
		Use:   "lint [POLICIES...]",
		Short: "Find what is wrong with policies that are well formed",
		Long: `Find what is wrong with policies: rules that can never fire or are never reached,
expressions and conditions that are the same for every object, subresources and
containers that go around them, keys that cannot be read, expressions that fail, and
policies that would stop Kubernetes or Roadbed themselves.

A finding has a level (error, warning, note) and a code. A policy accepts codes with
the annotation ` + lint.IgnoreAnnotation + `, separated by commas.

With --fix, policies whose meaning is clear and whose words are not are printed as they
were meant; comments are lost, and no file is changed.

The exit code is 1 when there is a finding of the level of --fail-on or above.`,
		Example: `  roadbed policy lint policies/
  roadbed policy lint policies/ --fail-on warning -o sarif > lint.sarif
  roadbed policy lint recommend-pdb.yaml --fix > corrected.yaml`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.source.files = args
			if err := f.source.restrict("name files, or give --catalogue or --cluster"); err != nil {
				return err
			}
			return p.lint(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.source.catalogue, "catalogue", false, "the platform's own policies")
	flags.BoolVarP(&f.source.cluster, "cluster", "c", false, "the policies of the cluster")
	flags.StringVar(&f.failOn, "fail-on", "error", "level from which the exit code is 1: error, warning, note or none")
	flags.BoolVar(&f.fix, "fix", false, "print corrected policies instead of findings")
	verb.CompleteFlag(cmd, "fail-on", verb.CompleteFixed("error", "warning", "note", "none"))
	f.out.AddFlag(cmd)
	return cmd
}

// levels from the least.
var levels = []lint.Level{lint.Note, lint.Warning, lint.Error}

func (p *program) lint(ctx context.Context, f *lintFlags) error {
	least := slices.Index(levels, lint.Level(f.failOn))
	if least < 0 && f.failOn != "none" {
		return verb.Usagef("--fail-on %s: must be error, warning, note or none", f.failOn)
	}
	documents, problems, err := p.collect(ctx, f.source)
	if err != nil {
		return err
	}
	if f.fix {
		return p.fix(documents)
	}
	options := load.Options{}
	options.Engine.Unbound = true
	findings := lint.Check(documents, problems, lint.Options{Compilers: load.Standard(options)})
	if err := p.printLint(f.out, findings); err != nil {
		return err
	}
	if worst := slices.Index(levels, lint.Worst(findings)); f.failOn != "none" && worst >= least {
		return verb.Exit(verb.ExitFailed)
	}
	return nil
}

func (p *program) printLint(out *verb.Output, findings []lint.Finding) error {
	if out.Chosen == verb.FormatSARIF {
		return format.SARIF(p.Out, lintResults(findings), nil)
	}
	if out.Chosen == verb.FormatJUnit {
		return format.JUnit(p.Out, format.Cases(lintResults(findings)))
	}
	if findings == nil {
		findings = []lint.Finding{}
	}
	return out.Print(p.Out, findings, func() error {
		for _, finding := range findings {
			fmt.Fprintln(p.Out, finding)
		}
		if len(findings) == 0 {
			fmt.Fprintln(p.Err, "Nothing to complain about.")
		}
		return nil
	})
}

// lintResults are findings as other tools read them: an error refuses, a
// warning warns.
func lintResults(findings []lint.Finding) []format.Finding {
	tiers := map[lint.Level]policy.Tier{lint.Error: policy.Mandatory, lint.Warning: policy.Recommended, lint.Note: policy.Recommended}
	results := make([]format.Finding, len(findings))
	for i, finding := range findings {
		results[i] = format.Finding{
			Result:   policy.Result{Policy: "lint", Kind: "Lint", Rule: string(finding.Code), Tier: tiers[finding.Level], Status: policy.Fail, Message: finding.Message},
			Resource: format.Resource{Kind: finding.Kind, Name: finding.Policy}, File: finding.File, Line: finding.Line,
		}
	}
	return results
}

// fix prints what can be corrected, and tells what was.
func (p *program) fix(documents []load.Document) error {
	fixed := 0
	for _, document := range documents {
		legacy, ok := document.Object.(*kyvernov1.ClusterPolicy)
		if !ok {
			continue
		}
		corrected, changes, err := lint.Fix(legacy)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", document.File, document.Line, err)
		}
		if len(changes) == 0 {
			continue
		}
		text, err := written(corrected)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.Out, "---\n%s", text)
		for _, change := range changes {
			fmt.Fprintf(p.Err, "%s:%d: %s: %s\n", document.File, document.Line, legacy.Name, change)
		}
		fixed++
	}
	if fixed == 0 {
		fmt.Fprintln(p.Err, "There is nothing that can be corrected without its author.")
	}
	return nil
}

// written is a policy as its author would write it: without status, and without
// the empty parts that every policy has.
func written(object client.Object) ([]byte, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	delete(fields, "status")
	unstructured.RemoveNestedField(fields, "metadata", "creationTimestamp")
	rules, _, _ := unstructured.NestedSlice(fields, "spec", "rules") // CEL kinds have none
	for _, rule := range rules {
		for _, block := range []string{"match", "exclude"} {
			filters, ok := rule.(map[string]any)[block].(map[string]any)
			if resources, _ := filters["resources"].(map[string]any); ok && len(resources) == 0 {
				delete(filters, "resources")
			}
		}
	}
	if rules != nil {
		if err := unstructured.SetNestedSlice(fields, rules, "spec", "rules"); err != nil {
			return nil, err
		}
	}
	return yaml.Marshal(fields)
}
