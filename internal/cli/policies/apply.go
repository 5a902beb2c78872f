package policies

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/cli/policies/format"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// applyFlags are those of the verb apply.
type applyFlags struct {
	source       source
	target       target
	scene        scene
	auditWarn    bool
	warnExitCode int
	out          *verb.Output
}

func (p *program) applyVerb() *cobra.Command {
	f := &applyFlags{out: verb.NewOutput(verb.FormatText, verb.FormatTable, verb.FormatJSON, verb.FormatYAML, verb.FormatSARIF, verb.FormatJUnit, verb.FormatReport)}
	cmd := &cobra.Command{
		Use:   "apply [POLICIES...]",
		Short: "Apply policies to objects and show what comes of it",
		Long: `Apply policies to objects and show what comes of it: which rules fail, and how
objects look after the policies that change them. Nothing is changed.

Policies are files, folders, "-" for the standard input, the platform's own with
--catalogue, or those of the cluster with --policies-of-cluster. Objects are files,
folders or "-" (--resource), charts (--chart), kustomizations (--kustomize), or all
objects of the cluster that the policies may concern (--cluster). Policies see only
those objects and what --context-file gives; with --cluster they look things up there.

The exit code is 1 when a rule fails or cannot be evaluated. With --audit-warn,
failures of Recommended policies are warnings, and --warn-exit-code is the exit code
when there are warnings only.`,
		Example: `  roadbed policy apply policies/ --resource pod.yaml
  kustomize build . | roadbed policy apply policies/ --resource - -o sarif
  roadbed policy apply policies/ --chart charts/web --chart-values prod.yaml -o junit
  roadbed policy apply --catalogue --cluster -n tenant-payments-dev --audit-warn
  roadbed policy apply policy.yaml --resource pod.yaml --set request.operation=UPDATE`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.source.files = args
			return p.apply(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.source.catalogue, "catalogue", false, "apply the platform's own policies")
	flags.BoolVar(&f.source.cluster, "policies-of-cluster", false, "apply the policies of the cluster")
	flags.StringSliceVarP(&f.target.resources, "resource", "r", nil, "files or folders of objects, - for the standard input")
	flags.StringSliceVar(&f.target.charts, "chart", nil, "folders or archives of Helm charts")
	flags.StringSliceVar(&f.target.chart.ValueFiles, "chart-values", nil, "files of values for the charts")
	flags.StringVar(&f.target.chart.Release, "release", "release", "name of the release that charts are rendered for")
	flags.StringSliceVarP(&f.target.kustomizations, "kustomize", "k", nil, "folders of kustomizations")
	flags.BoolVarP(&f.target.cluster, "cluster", "c", false, "judge the objects of the cluster")
	flags.StringVarP(&f.target.namespace, "namespace", "n", "", "only objects of this namespace of the cluster; the namespace that charts are rendered for")
	flags.BoolVar(&f.auditWarn, "audit-warn", false, "count failures of Recommended policies as warnings")
	flags.IntVar(&f.warnExitCode, "warn-exit-code", 0, "exit code when there are warnings and no failures")
	f.scene.addTo(flags)
	f.out.AddFlag(cmd)
	return cmd
}

// applied is what came of applying policies to objects.
type applied struct {
	findings []format.Finding
	changes  []change
	objects  int
	policies int
}

// change is an object that policies changed.
type change struct {
	object   scenario.Object
	fields   map[string]any
	policies []string
}

func (p *program) apply(ctx context.Context, f *applyFlags) error {
	if err := f.source.restrict("name files, or give --catalogue or --policies-of-cluster"); err != nil {
		return err
	}
	if f.target.empty() {
		return verb.Usagef("no objects given: use --resource, --chart, --kustomize or --cluster")
	}
	if f.target.namespace != "" {
		f.target.chart.Namespace = f.target.namespace
	}
	documents, err := p.read(ctx, f.source)
	if err != nil {
		return err
	}
	objects, err := p.objects(f.target)
	if err != nil {
		return err
	}
	made, err := p.prepare(ctx, f.scene, documents, objects, f.target.cluster)
	if err != nil {
		return err
	}
	if f.target.cluster {
		live, err := p.live(ctx, f.target.namespace, made.evaluators())
		if err != nil {
			return err
		}
		objects = append(objects, live...)
		made.scenario.Around = scenario.FieldsOf(objects)
	}
	result, err := made.apply(ctx, objects)
	if err != nil {
		return err
	}
	if f.auditWarn {
		result.warn()
	}
	if err := p.printApplied(f, made, result); err != nil {
		return err
	}
	return f.exit(format.Count(result.findings))
}

// apply judges all objects.
func (s *stage) apply(ctx context.Context, objects []scenario.Object) (*applied, error) {
	result := &applied{objects: len(objects), policies: len(s.policies)}
	for _, object := range objects {
		verdicts, changed, err := s.scenario.Judge(ctx, object, s.evaluators(), s.world, s.exempt)
		if err != nil {
			return nil, err
		}
		by := []string{}
		for _, verdict := range verdicts {
			if verdict.Changed != nil {
				by = append(by, verdict.Info.Name)
			}
			for _, each := range verdict.Results {
				result.findings = append(result.findings, format.Of(each, object))
			}
		}
		if changed != nil {
			result.changes = append(result.changes, change{object: object, fields: changed, policies: by})
		}
	}
	return result, nil
}

// warn turns failures of policies that never block into warnings.
func (a *applied) warn() {
	for i := range a.findings {
		if finding := &a.findings[i]; finding.Status == policy.Fail && !finding.Tier.Blocks() {
			finding.Status = policy.Warn
		}
	}
}

func (f *applyFlags) exit(counts format.Counts) error {
	switch {
	case counts[policy.Fail]+counts[policy.Error] > 0:
		return verb.Exit(verb.ExitFailed)
	case counts[policy.Warn] > 0 && f.warnExitCode != 0:
		return verb.Exit(f.warnExitCode)
	}
	return nil
}

func (p *program) printApplied(f *applyFlags, made *stage, result *applied) error {
	switch f.out.Chosen {
	case verb.FormatSARIF:
		return format.SARIF(p.Out, result.findings, made.infos())
	case verb.FormatJUnit:
		return format.JUnit(p.Out, format.Cases(result.findings))
	case verb.FormatReport:
		return format.Report(p.Out, result.findings)
	case verb.FormatJSON:
		return format.JSON(p.Out, result.findings)
	case verb.FormatYAML:
		return f.out.Print(p.Out, result.findings, nil)
	case verb.FormatTable:
		return p.printResultTable(result)
	default:
		return p.printInWords(result)
	}
}

// printResultTable prints one row for each finding.
func (p *program) printResultTable(result *applied) error {
	rows := make([][]string, len(result.findings))
	for i, finding := range result.findings {
		rows[i] = []string{
			finding.Policy, finding.Rule, string(finding.Tier), finding.Resource.String(), string(finding.Status), oneLine(finding.Message),
		}
	}
	if err := verb.Table(p.Out, []string{"POLICY", "RULE", "TIER", "RESOURCE", "RESULT", "MESSAGE"}, rows); err != nil {
		return err
	}
	return p.printCounts(result)
}

// printInWords prints failures by policy and object, and changed objects.
func (p *program) printInWords(result *applied) error {
	fmt.Fprintf(p.Out, "Applying %s to %s...\n", plural(result.policies, "policy", "policies"), verb.Count(result.objects, "resource"))
	p.printChanges(result.changes)
	before := ""
	number := 0
	for _, finding := range result.findings {
		word, told := words[finding.Status]
		if !told {
			continue
		}
		head := fmt.Sprintf("policy %s (%s, %s) -> resource %s %s", finding.Policy, finding.Tier, finding.Lane, finding.Resource, p.Paint(word.color, word.text))
		if head != before {
			fmt.Fprintf(p.Out, "\n%s:\n", head)
			before, number = head, 0
		}
		number++
		fmt.Fprintf(p.Out, "%d - %s: %s%s\n", number, finding.Rule, oneLine(finding.Message), at(finding))
	}
	fmt.Fprintln(p.Out)
	return p.printCounts(result)
}

// words are how results are called that somebody should look at.
var words = map[policy.Status]struct {
	text  string
	color verb.Color
}{
	policy.Fail: {"failed", verb.Red}, policy.Error: {"error", verb.Red}, policy.Warn: {"warned", verb.Yellow},
}

func at(finding format.Finding) string {
	if finding.File == "" {
		return ""
	}
	return fmt.Sprintf(" (%s:%d)", finding.File, finding.Line)
}

// printChanges prints objects as policies leave them, as YAML documents.
func (p *program) printChanges(changes []change) {
	for _, c := range changes {
		text, err := yaml.Marshal(c.fields)
		if err != nil {
			fmt.Fprintf(p.Err, "%s: %v\n", c.object, err)
			continue
		}
		slices.Sort(c.policies)
		fmt.Fprintf(p.Out, "\nmutate policy %s applied to %s:\n%s---\n", strings.Join(slices.Compact(c.policies), ", "), c.object, text)
	}
}

func (p *program) printCounts(result *applied) error {
	counts := format.Count(result.findings)
	_, err := fmt.Fprintf(p.Out, "pass: %d, fail: %d, warn: %d, error: %d, skip: %d\n",
		counts[policy.Pass], counts[policy.Fail], counts[policy.Warn], counts[policy.Error], counts[policy.Skip])
	return err
}

// oneLine is a message without line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
