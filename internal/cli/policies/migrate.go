package policies

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/proof"
)

// migrateFlags are those of the verb migrate.
type migrateFlags struct {
	source  source
	objects int
	seed    uint64
	strict  bool
	out     *verb.Output
}

func (p *program) migrateVerb() *cobra.Command {
	f := &migrateFlags{out: verb.NewOutput(verb.FormatYAML, verb.FormatJSON)}
	cmd := &cobra.Command{
		Use:   "migrate POLICIES...",
		Short: "Rewrite ClusterPolicies as CEL policies, and prove both equal",
		Long: `Rewrite kyverno.io/v1 policies as ValidatingPolicy, MutatingPolicy and
ImageValidatingPolicy, a policy for each rule, and compare both forms on requests made
up around the rule. The new policies are printed to the standard output; what became of
each rule, and on which objects the forms differ, to the standard error.

Compared are objects that are created, changed and deleted, and containers that are put
into running Pods to debug them. As the old form does, the new one lets an update pass
that is wrong as the object was before, unless allowExistingViolations is false.

A rule that cannot be rewritten is left, with the line and the reason: keep the old
policy for it. With -o json everything is one JSON object.

The exit code is 1 when two forms differ, and with --strict also when a rule is left.`,
		Example: `  roadbed policy migrate policies/require-labels.yaml > new.yaml
  roadbed policy migrate policies/ --objects 10000 --strict -o json`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.source.files = args
			return p.migrate(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.objects, "objects", 1000, "number of requests that each rule is compared on")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the requests; the same one makes the same requests")
	flags.BoolVar(&f.strict, "strict", false, "exit with 1 when a rule is left")
	f.out.AddFlag(cmd)
	return cmd
}

// migrated is what became of a rule.
type migrated struct {
	File string `json:"file"`
	// Line is that of the rule, or of what is left of it, which Field names.
	Line   int           `json:"line"`
	Field  string        `json:"field"`
	Policy string        `json:"policy"`
	Rule   string        `json:"rule"`
	Left   string        `json:"left,omitempty"`
	New    client.Object `json:"new,omitempty"`
	Proof  *proof.Proof  `json:"proof,omitempty"`
}

func (p *program) migrate(ctx context.Context, f *migrateFlags) error {
	documents, err := p.read(ctx, f.source)
	if err != nil {
		return err
	}
	var all []migrated
	for _, document := range documents {
		source, ok := document.Object.(*kyvernov1.ClusterPolicy)
		if !ok {
			fmt.Fprintf(p.Err, "%s:%d: no ClusterPolicy; nothing to migrate\n", document.File, document.Line)
			continue
		}
		rules, err := p.migrateOne(ctx, f, document, source)
		if err != nil {
			return err
		}
		all = append(all, rules...)
	}
	if err := p.printMigrated(f.out, all); err != nil {
		return err
	}
	for _, rule := range all {
		if rule.Proof != nil && !rule.Proof.Equal() || f.strict && rule.Left != "" {
			return verb.Exit(verb.ExitFailed)
		}
	}
	return nil
}

// migrateOne rewrites one policy and compares each rule.
func (p *program) migrateOne(ctx context.Context, f *migrateFlags, document load.Document, source *kyvernov1.ClusterPolicy) ([]migrated, error) {
	if _, err := p.compileOne(document); err != nil {
		return nil, err
	}
	var all []migrated
	for i, rewritten := range migrate.Rewrite(source) {
		rule := migrated{
			File: document.File, Line: document.LineOf(rewritten.Field), Field: rewritten.Field,
			Policy: source.Name, Rule: rewritten.Rule, Left: rewritten.Left,
		}
		if rewritten.Policy != nil {
			before, err := p.compileOne(document.As(migrate.Single(source, i)))
			if err != nil {
				return nil, err
			}
			after, err := p.compileOne(load.Of(rewritten.Policy, "the new form of rule "+rewritten.Rule))
			if err != nil {
				return nil, err
			}
			proved := proof.Prove(ctx, before, after, rewritten.Rule, proof.Around(source.Spec.Rules[i]), f.objects, f.seed)
			rule.New, rule.Proof = rewritten.Policy, &proved
		}
		all = append(all, rule)
	}
	return all, nil
}

func (p *program) compileOne(document load.Document) (policy.Evaluator, error) {
	compiled, err := p.evaluators([]load.Document{document}, load.Options{})
	if err != nil {
		return nil, err
	}
	return compiled[0].Evaluator, nil
}

func (p *program) printMigrated(out *verb.Output, all []migrated) error {
	if out.Chosen == verb.FormatJSON {
		return out.Print(p.Out, map[string]any{"rules": all}, nil)
	}
	for _, rule := range all {
		fmt.Fprintf(p.Err, "%s:%d: %s, rule %s: %s\n", rule.File, rule.Line, rule.Policy, rule.Rule, rule.outcome())
		if rule.New == nil {
			continue
		}
		text, err := written(rule.New)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.Out, "---\n%s", text)
		for _, d := range rule.Proof.Differences {
			fmt.Fprint(p.Err, d.Text())
		}
	}
	return nil
}

// checks tells whether the rule may refuse objects.
func (m migrated) checks() bool {
	_, changes := m.New.(*policiesv1.MutatingPolicy)
	return !changes
}

// outcome says what became of a rule.
func (m migrated) outcome() string {
	if m.Left == "" {
		return m.Proof.Sentence(m.checks())
	}
	if _, inner, found := strings.Cut(m.Field, "]."); found {
		return "left as it is: " + inner + ": " + m.Left
	}
	return "left as it is: " + m.Left
}
