package suite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// Case is one test of a file.
type Case struct {
	// Test is what the file says.
	Test Test
	// File is the file's path.
	File string

	source *yamldoc.Document
}

// Row is what came of one expectation about one object.
type Row struct {
	// Test is the name of the test, File and Line say where it is expected.
	Test string `json:"test"`
	File string `json:"file"`
	Line int    `json:"line"`
	// Policy and Rule are named as in the expectation.
	Policy string `json:"policy"`
	Rule   string `json:"rule,omitempty"`
	// Resource is the object, or what was looked for.
	Resource string `json:"resource"`
	// Met tells whether the expectation is.
	Met bool `json:"met"`
	// Want and Got are results; Got is empty when there is none.
	Want policy.Status `json:"want"`
	Got  policy.Status `json:"got,omitempty"`
	// Reason is a few words: Ok, Excluded, Not found, Want pass, got fail.
	Reason string `json:"reason"`
	// Message is the rule's.
	Message string `json:"message,omitempty"`
}

// Outcome is what came of a test.
type Outcome struct {
	Rows []Row
	// Problems are what is wrong with the files, and what Roadbed does not do.
	Problems []load.Problem
}

// Met tells whether the test says yes: every expectation is met, nothing was
// wrong, and nothing that the test itself asks for is unsupported. What policies
// ask for besides shows in the expectations about it.
func (o Outcome) Met() bool {
	for _, problem := range o.Problems {
		if !problem.Unsupported || problem.Kind == "Test" {
			return false
		}
	}
	return o.Failed() == 0
}

// Failed counts the expectations that were not met.
func (o Outcome) Failed() int {
	failed := 0
	for _, row := range o.Rows {
		if !row.Met {
			failed++
		}
	}
	return failed
}

// Runner runs tests. Files are read from a tree; paths in tests may lead up, but
// not out of it.
type Runner struct {
	// Tree holds the files.
	Tree fs.FS
	// Options are for the compilers.
	Options load.Options
	// Images answer for tests whose context tells of none; nil means no registry.
	Images policy.Images
	// Now is the time of the decisions.
	Now time.Time
}

// Run runs a test. An error means that a file cannot be read at all.
func (r Runner) Run(ctx context.Context, c *Case) (Outcome, error) {
	b := &bench{runner: r, dir: path.Dir(c.File), file: c.File, test: &c.Test}
	if err := b.load(); err != nil {
		return Outcome{}, fmt.Errorf("%s: %w", c.File, err)
	}
	if err := b.judge(ctx); err != nil {
		return Outcome{}, fmt.Errorf("%s: %w", c.File, err)
	}
	outcome := Outcome{Problems: append(b.problems, unsupported(c)...)}
	for i := range c.Test.Results {
		rows, err := b.check(c, i)
		if err != nil {
			return Outcome{}, fmt.Errorf("%s: %w", c.File, err)
		}
		outcome.Rows = append(outcome.Rows, rows...)
	}
	return outcome, nil
}

// unsupported reports what a test asks for and does not get.
func unsupported(c *Case) []load.Problem {
	var found []load.Problem
	report := func(asked bool, field, message string) {
		if asked {
			found = append(found, load.Problem{
				File: c.File, Line: c.source.LineOf(field), Kind: "Test", Name: c.Test.Title(), Field: field, Message: message, Unsupported: true,
			})
		}
	}
	report(len(c.Test.Checks) > 0, "checks", "assertion trees are not supported; use results")
	report(c.Test.JSONPayload != "", "jsonPayload", "tests of plain JSON are not supported")
	report(len(c.Test.JSONPayloads) > 0, "jsonPayloads", "tests of plain JSON are not supported")
	report(c.Test.HTTPPayload != "", "httpPayload", "policies about HTTP are not supported")
	report(c.Test.EnvoyPayload != "", "envoyPayload", "policies about Envoy are not supported")
	for i, response := range c.Test.APICallResponses {
		report(response.URL == "" && response.URLPath == "", fmt.Sprintf("apiCallResponses[%d]", i), "an answer to no request: give its url, or its urlPath")
	}
	for i, e := range c.Test.Results {
		at := fmt.Sprintf("results[%d]", i)
		report(e.GeneratedResource != "" || e.CloneSourceResource != "" || e.IsGeneratingPolicy, at, "generated objects are not supported: Roadbed does not generate objects")
		report(e.IsDeletingPolicy, at, "deleting policies are not supported: Roadbed does not delete objects by schedule")
	}
	return found
}

// bench is one test at work.
type bench struct {
	runner    Runner
	dir, file string
	test      *Test

	policies []policy.Evaluator
	// existing are policies that change targets.
	existing []*legacy.Existing
	objects  []scenario.Object
	targets  []scenario.Object
	scene    scenario.Scenario
	world    policy.World
	exempt   scenario.Exemptions
	problems []load.Problem
	// unscored are policies whose failures are warnings.
	unscored map[string]bool

	verdicts map[string][]scenario.Verdict // by operation and object
}

// judge lets the policies judge all objects, for each operation that is
// expected something of.
func (b *bench) judge(ctx context.Context) error {
	b.verdicts = map[string][]scenario.Verdict{}
	operations := map[string]bool{}
	for i := range b.test.Results {
		operations[b.test.Results[i].operation()] = true
	}
	for operation := range operations {
		scene := b.scene
		if operation != "" {
			scene.Operation = operation
		}
		for _, object := range b.objects {
			verdicts, _, err := scene.Judge(ctx, object, b.policies, b.world, b.exempt)
			if err != nil {
				return err
			}
			b.verdicts[operation+" "+object.String()] = verdicts
		}
		if err := b.changeTargets(ctx, operation, &scene); err != nil {
			return err
		}
	}
	return nil
}

// check compares an expectation with the verdicts.
func (b *bench) check(c *Case, index int) ([]Row, error) {
	e := &c.Test.Results[index]
	row := Row{
		Test: c.Test.Title(), File: c.File, Line: c.source.LineOf(fmt.Sprintf("results[%d]", index)),
		Policy: e.Policy, Rule: e.Rule, Want: e.result(),
	}
	if !slices.Contains([]policy.Status{policy.Pass, policy.Fail, policy.Skip, policy.Warn, policy.Error}, row.Want) {
		return nil, fmt.Errorf("line %d: result %q is none of pass, fail, skip, warn, error", row.Line, row.Want)
	}
	chosen, missing := b.choose(e)
	rows := []Row{}
	for _, name := range missing {
		row := row
		row.Resource, row.Reason = name, "Not found"
		rows = append(rows, row)
	}
	for _, object := range chosen {
		row := row
		row.Resource = object.String()
		found, err := b.compare(e, object, row)
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	return rows, nil
}

// choose finds the objects of an expectation, and the names that are nobody's.
func (b *bench) choose(e *Expectation) (chosen []scenario.Object, missing []string) {
	names := e.Resources
	if len(names) == 0 && e.Resource != "" {
		names = []string{e.Resource}
	}
	for _, name := range names {
		found := b.those(func(o scenario.Object) bool { return e.selects(name, o) })
		if len(found) == 0 {
			missing = append(missing, strings.Trim(e.Kind+"/"+name, "/"))
		}
		chosen = append(chosen, found...)
	}
	for _, spec := range e.ResourceSpecs {
		found := b.those(spec.selects)
		if len(found) == 0 {
			missing = append(missing, strings.Trim(spec.Kind+"/"+spec.Namespace+"/"+spec.Name, "/"))
		}
		chosen = append(chosen, found...)
	}
	chosen = once(chosen)
	if len(names) == 0 && len(e.ResourceSpecs) == 0 {
		chosen = b.those(func(o scenario.Object) bool { return e.Kind == "" || e.Kind == o.GVK().Kind })
	}
	return chosen, missing
}

// once are the objects without those that two names mean.
func once(objects []scenario.Object) []scenario.Object {
	seen := map[string]bool{}
	return slices.DeleteFunc(objects, func(o scenario.Object) bool {
		again := seen[o.String()]
		seen[o.String()] = true
		return again
	})
}

func (b *bench) those(wanted func(scenario.Object) bool) []scenario.Object {
	var found []scenario.Object
	for _, object := range slices.Concat(b.objects, b.targets) {
		if wanted(object) {
			found = append(found, object)
		}
	}
	return found
}

// compare makes one row for each rule that the expectation means; usually one.
func (b *bench) compare(e *Expectation, object scenario.Object, row Row) ([]Row, error) {
	var rows []Row
	known := false
	for _, verdict := range b.verdicts[e.operation()+" "+object.String()] {
		if verdict.Info.Name != e.Policy {
			continue
		}
		known = true
		for _, result := range meant(e, verdict) {
			row := row
			row.Got, row.Message = result.Status, result.Message
			if row.Got == policy.Fail && b.unscored[e.Policy] {
				row.Got = policy.Warn
			}
			row.judge()
			if err := b.comparePatched(e, object, verdict, &row); err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	switch {
	case !known:
		row.Reason = b.whyAbsent(e.Policy)
		return []Row{row}, nil
	case len(rows) == 0 && b.unsupported(e):
		row.Reason = "Not supported"
		return []Row{row}, nil
	case len(rows) == 0:
		row.Reason, row.Met = "Excluded", row.Want == policy.Pass || row.Want == policy.Skip
		return []Row{row}, nil
	}
	return rows, nil
}

// unsupported tells whether the expectation is about a rule that Roadbed does
// not do.
func (b *bench) unsupported(e *Expectation) bool {
	return slices.ContainsFunc(b.problems, func(p load.Problem) bool {
		return p.Unsupported && p.Name == e.Policy && p.Rule != "" && p.Rule == e.Rule
	})
}

// whyAbsent says why a policy judges nothing.
func (b *bench) whyAbsent(name string) string {
	for _, problem := range b.problems {
		switch {
		case problem.Name != name:
		case problem.Unsupported:
			return "Not supported"
		default:
			return "Policy error"
		}
	}
	return "Policy not found"
}

func (r *Row) judge() {
	r.Met, r.Reason = r.Got == r.Want, "Ok"
	if !r.Met {
		r.Reason = fmt.Sprintf("Want %s, got %s", r.Want, r.Got)
	}
}

// legacyKinds name their rules.
var legacyKinds = []string{"ClusterPolicy", "Policy"}

// meant are the results that an expectation is about. A policy whose rules have
// no names is judged as a whole.
func meant(e *Expectation, verdict scenario.Verdict) []policy.Result {
	if !slices.Contains(legacyKinds, verdict.Info.Kind) {
		if worst, ok := scenario.Summary(verdict.Results); ok {
			return []policy.Result{worst}
		}
		return nil
	}
	var found []policy.Result
	for _, result := range verdict.Results {
		if e.Rule == "" || e.wants(result.Rule) {
			found = append(found, result)
		}
	}
	return found
}

var errOutside = errors.New("the path leads out of the folder that was given")
