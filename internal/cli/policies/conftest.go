package policies

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/policies/format"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/rego"
)

// conftestFlags are those of the verb conftest.
type conftestFlags struct {
	rules      []string
	data       []string
	options    rego.Options
	failOnWarn bool
	out        *verb.Output
}

func (p *program) conftestVerb() *cobra.Command {
	f := &conftestFlags{out: verb.NewOutput(verb.FormatText, verb.FormatJSON, verb.FormatSARIF, verb.FormatJUnit)}
	cmd := &cobra.Command{
		Use:   "conftest FILES...",
		Short: "Judge files by rules in Rego, as conftest does",
		Long: `Judge files that are no Kubernetes objects by rules in Rego: deny and violation refuse,
warn warns, exception names rules that are not to be asked. Files are YAML, JSON, TOML
or dotenv. Rules reach neither the network nor the environment.

The exit code is 1 when a rule refuses, and with --fail-on-warn when one warns.`,
		Example: `  roadbed policy conftest plan.json --rules policy/
  roadbed policy conftest settings.toml -r policy/ --all-namespaces -o junit`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.conftest(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVarP(&f.rules, "rules", "r", []string{"policy"}, "files or folders of rules")
	flags.StringSliceVarP(&f.data, "data", "d", nil, "files of YAML or JSON that rules see as data")
	flags.StringSliceVar(&f.options.Namespaces, "namespace", []string{rego.DefaultNamespace}, "packages whose rules are asked")
	flags.BoolVar(&f.options.AllNamespaces, "all-namespaces", false, "ask the rules of every package")
	flags.BoolVar(&f.options.V0, "rego-v0", false, "read rules in the syntax before Rego 1.0")
	flags.BoolVar(&f.failOnWarn, "fail-on-warn", false, "exit with 1 when a rule warns")
	f.out.AddFlag(cmd)
	return cmd
}

func (p *program) conftest(ctx context.Context, f *conftestFlags, names []string) error {
	rules, err := f.compile()
	if err != nil {
		return err
	}
	var findings []format.Finding
	for _, name := range names {
		text, shown, err := manifest.Input(p.Program, name)
		if err != nil {
			return err
		}
		inputs, err := rego.Read(shown, text)
		if err != nil {
			return err
		}
		for _, input := range inputs {
			results, err := rules.Judge(ctx, input.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", shown, err)
			}
			for _, result := range results {
				findings = append(findings, format.Finding{Result: result, Resource: format.Resource{Kind: "File", Name: shown}, File: shown, Line: 1})
			}
		}
	}
	if err := p.printConftest(f.out, findings); err != nil {
		return err
	}
	for _, finding := range findings {
		if finding.Refuses() || f.failOnWarn && finding.Warns() {
			return verb.Exit(verb.ExitFailed)
		}
	}
	return nil
}

// compile reads rules and data.
func (f *conftestFlags) compile() (*rego.Rules, error) {
	f.options.Data = map[string]any{}
	for _, name := range f.data {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(text, &f.options.Data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	files := map[string]string{}
	for _, name := range f.rules {
		err := filepath.WalkDir(name, func(file string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".rego") || strings.HasSuffix(file, "_test.rego") {
				return err
			}
			text, err := os.ReadFile(file)
			files[file] = string(text)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return rego.Compile(files, f.options)
}

func (p *program) printConftest(out *verb.Output, findings []format.Finding) error {
	if out.Chosen == verb.FormatSARIF {
		return format.SARIF(p.Out, findings, nil)
	}
	if out.Chosen == verb.FormatJUnit {
		return format.JUnit(p.Out, conftestCases(findings))
	}
	return out.Print(p.Out, findings, func() error {
		counts := map[policy.Status]int{}
		for _, finding := range findings {
			counts[finding.Status]++
			if finding.Status != policy.Pass {
				fmt.Fprintf(p.Out, "%s - %s - %s - %s\n", strings.ToUpper(string(finding.Status)), finding.File, finding.Policy, finding.Message)
			}
		}
		_, err := fmt.Fprintf(p.Out, "\n%d rules asked: %d passed, %d warned, %d failed, %d excepted\n",
			len(findings), counts[policy.Pass], counts[policy.Warn], counts[policy.Fail], counts[policy.Skip])
		return err
	})
}

func conftestCases(findings []format.Finding) []format.Case {
	cases := make([]format.Case, len(findings))
	for i, finding := range findings {
		cases[i] = format.Case{
			Suite: finding.Policy, Class: finding.File, Name: finding.Rule, File: finding.File, Line: finding.Line,
			Status: finding.Status, Message: finding.Message,
		}
	}
	return cases
}
