package policies

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/explain"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// explainFlags are those of the verb explain.
type explainFlags struct {
	source    source
	scene     scene
	resources []string
	namespace string
	all       bool
	out       *verb.Output
}

// explained is how one policy judges one object.
type explained struct {
	Object     string          `json:"object"`
	Policy     string          `json:"policy"`
	Kind       string          `json:"kind"`
	Tier       policy.Tier     `json:"tier"`
	Lane       policy.Lane     `json:"lane"`
	LaneReason string          `json:"laneReason,omitempty"`
	Verdict    policy.Status   `json:"verdict,omitempty"`
	Message    string          `json:"message,omitempty"`
	Override   string          `json:"override,omitempty"`
	Steps      []policy.Step   `json:"steps,omitempty"`
	Results    []policy.Result `json:"results,omitempty"`

	subject scenario.Object
}

func (p *program) explainVerb() *cobra.Command {
	f := &explainFlags{out: verb.NewOutput(verb.FormatText, verb.FormatTable, verb.FormatJSON, verb.FormatYAML, verb.FormatSARIF, verb.FormatJUnit)}
	cmd := &cobra.Command{
		Use:   "explain [KIND NAME]",
		Short: "Tell of one object which rules match, and why they say what they say",
		Long: `Tell of one object how policies come to their verdicts: which rules select it, which
match conditions and preconditions hold, what variables are, which check fails and why,
whether an exception or override waives it, and in which lane the verdict is reached.

The object is in a file (--resource) or in the cluster (KIND NAME). Policies are those
of the cluster, of files (--policy) or the platform's own (--catalogue). Those that do
not concern the object are left out unless --all is given.`,
		Example: `  roadbed policy explain --policy policies/ --resource pod.yaml
  roadbed policy explain deployment web -n tenant-payments-dev
  roadbed policy explain --catalogue --resource pod.yaml --all -o json
  roadbed policy explain --policy policies/ --resource pod.yaml -o sarif > explained.sarif`,
		Args:              cobra.MatchAll(cobra.MaximumNArgs(2), pair),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.explain(cmd.Context(), f, args)
		},
	}
	f.source.addTo(cmd)
	flags := cmd.Flags()
	flags.StringSliceVarP(&f.resources, "resource", "r", nil, "file of the object, - for the standard input")
	flags.StringVarP(&f.namespace, "namespace", "n", "default", "namespace of the object in the cluster")
	flags.BoolVar(&f.all, "all", false, "show policies that do not concern the object too")
	f.scene.addTo(flags)
	f.out.AddFlag(cmd)
	return cmd
}

func pair(_ *cobra.Command, args []string) error {
	if len(args) == 1 {
		return verb.Usagef("an object of the cluster is KIND NAME")
	}
	return nil
}

func (p *program) explain(ctx context.Context, f *explainFlags, args []string) error {
	live := len(args) == 2
	if live == (len(f.resources) > 0) {
		return verb.Usagef("give either KIND NAME or --resource")
	}
	documents, err := p.read(ctx, f.source.orCluster())
	if err != nil {
		return err
	}
	objects, err := p.explainees(ctx, f, args)
	if err != nil {
		return err
	}
	made, err := p.prepare(ctx, f.scene, documents, objects, live)
	if err != nil {
		return err
	}
	var all []explained
	for _, object := range objects {
		found, err := made.explain(ctx, object)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	return p.formatExplained(f, made, all)
}

func (p *program) explainees(ctx context.Context, f *explainFlags, args []string) ([]scenario.Object, error) {
	if len(args) == 0 {
		return p.objects(target{resources: f.resources})
	}
	object, err := p.find(ctx, args[0], f.namespace, args[1])
	return []scenario.Object{object}, err
}

// find reads an object of the cluster by its kind, plural or short name.
func (p *program) find(ctx context.Context, kind, namespace, name string) (scenario.Object, error) {
	c, err := p.Client()
	if err != nil {
		return scenario.Object{}, err
	}
	served, err := p.served()
	if err != nil {
		return scenario.Object{}, err
	}
	for _, resource := range served {
		if !strings.EqualFold(resource.Kind, kind) && !strings.EqualFold(resource.Resource, kind) {
			continue
		}
		object := &unstructured.Unstructured{}
		object.SetAPIVersion(strings.TrimPrefix(resource.Group+"/"+resource.Version, "/"))
		object.SetKind(resource.Kind)
		at := client.ObjectKey{Name: name}
		if resource.Namespaced {
			at.Namespace = namespace
		}
		if err := c.Get(ctx, at, object); err != nil {
			return scenario.Object{}, fmt.Errorf("read %s %q: %w", kind, name, err)
		}
		object.SetManagedFields(nil)
		return scenario.Of(object.Object), nil
	}
	return scenario.Object{}, fmt.Errorf("the cluster has no kind %q", kind)
}

// explain tells of each policy how it judges an object.
func (s *stage) explain(ctx context.Context, object scenario.Object) ([]explained, error) {
	r, err := s.scenario.Request(object)
	if err != nil {
		return nil, err
	}
	verdicts, _, err := s.scenario.Judge(ctx, object, s.evaluators(), s.world, s.exempt)
	if err != nil {
		return nil, err
	}
	world := s.world
	world.Values = s.scenario.ValuesFor(object)
	options := load.Options{}
	options.Engine.Unbound, options.Engine.Params = true, s.scenario.Around
	compilers := load.Standard(options)
	all := make([]explained, len(s.policies))
	for i, compiled := range s.policies {
		info := compiled.Info()
		steps, _ := explain.Request(ctx, compiled, compilers, r, world)
		all[i] = explained{
			Object: object.String(), Policy: info.Name, Kind: info.Kind, Tier: info.Tier, Lane: info.Lane, LaneReason: info.LaneReason,
			Steps: steps, Results: verdicts[i].Results, subject: object,
		}
		if worst, ok := scenario.Summary(verdicts[i].Results); ok {
			all[i].Verdict, all[i].Message, all[i].Override = worst.Status, worst.Message, worst.Override
		}
	}
	return all, nil
}

func (p *program) printExplained(f *explainFlags, all []explained) error {
	before, left := "", 0
	for _, e := range all {
		if e.Object != before {
			if before != "" {
				fmt.Fprintln(p.Out)
			}
			fmt.Fprintf(p.Out, "%s\n", p.Paint(verb.Bold, e.Object))
			before = e.Object
		}
		if e.Verdict == "" && !f.all {
			left++
			continue
		}
		p.printPolicySteps(f, e)
	}
	if left > 0 {
		_, err := fmt.Fprintf(p.Out, "\n%s not concern it; --all shows why.\n", plural(left, "policy does", "policies do"))
		return err
	}
	return nil
}

func (p *program) printPolicySteps(f *explainFlags, e explained) {
	lane := string(e.Lane)
	if e.LaneReason != "" {
		lane += " (" + e.LaneReason + ")"
	}
	fmt.Fprintf(p.Out, "\npolicy %s: %s\n  %s, %s, lane %s\n", e.Policy, p.verdict(e), e.Kind, e.Tier, lane)
	for _, result := range e.Results {
		if result.Override != "" {
			fmt.Fprintf(p.Out, "  rule %s is skipped: %s\n", result.Rule, oneLine(result.Message))
		}
	}
	rule := ""
	for _, step := range e.Steps {
		if unselected(e.Steps, step) && !f.all {
			continue
		}
		if step.Rule != rule {
			rule = step.Rule
			fmt.Fprintf(p.Out, "  rule %s\n", rule)
		}
		mark := p.Paint(verb.Green, "yes")
		if !step.OK {
			mark = p.Paint(verb.Red, "no ")
		}
		fmt.Fprintf(p.Out, "    %s  %-13s %s\n", mark, step.Kind, oneLine(step.Outcome))
		if step.Source != "" && step.Kind != policy.StepMatch && step.Kind != policy.StepExclude {
			fmt.Fprintf(p.Out, "         %s\n", oneLine(step.Source))
		}
	}
}

// unselected tells whether the step is all there is to say of a rule that does
// not select the object, in a policy that has others that do.
func unselected(steps []policy.Step, step policy.Step) bool {
	return step.Rule != "" && step.Kind == policy.StepMatch && !step.OK &&
		slices.ContainsFunc(steps, func(s policy.Step) bool { return s.Kind == policy.StepMatch && s.OK })
}

func (p *program) verdict(e explained) string {
	if e.Verdict == policy.Fail || e.Verdict == policy.Error {
		return p.Paint(verb.Red, string(e.Verdict))
	}
	return cmp.Or(string(e.Verdict), "does not concern it")
}
