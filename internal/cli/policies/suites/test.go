package suites

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	"github.com/roadbed-dev/roadbed/internal/cli/policies/format"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/suite"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// testFlags are those of the verb test.
type testFlags struct {
	file     string
	selector map[string]string
	failOnly bool
	detailed bool
	registry bool
	out      *verb.Output
}

// program is what verbs share, with the verb of this package as methods.
type program struct{ *verb.Program }

// Verb is the verb that runs tests.
func Verb(shared *verb.Program) *cobra.Command {
	p := &program{shared}
	f := &testFlags{out: verb.NewOutput(verb.FormatTable, verb.FormatJSON, verb.FormatSARIF, verb.FormatJUnit)}
	cmd := &cobra.Command{
		Use:   "test [FOLDERS...]",
		Short: "Run tests of policies",
		Long: `Run the tests in folders: files named kyverno-test.yaml, as Kyverno's command line
reads them. Each names policies, objects, values, and the results that are expected.

A rule that does not concern an object meets "pass" and "skip" and is shown as
Excluded. Nothing is fetched: paths are those of files. What a test asks for and
Roadbed does not do is said, and fails the test.

The exit code is 1 when a test fails.`,
		Example: `  roadbed policy test .
  roadbed policy test policies/ --fail-only --detailed-results
  roadbed policy test . -t "policy=require-labels, resource=bad-*"
  roadbed policy test . -o junit > report.xml`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			return p.test(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file-name", "f", suite.FileName, "name of the files to look for")
	flags.StringToStringVarP(&f.selector, "test-case-selector", "t", nil, "only results of this policy, rule and resource; * and ? are wildcards")
	flags.BoolVar(&f.failOnly, "fail-only", false, "show only what failed")
	flags.BoolVar(&f.detailed, "detailed-results", false, "show messages as well")
	flags.BoolVar(&f.registry, "registry", false, "ask registries about images and signatures")
	f.out.AddFlag(cmd)
	return cmd
}

// tested is what came of one test file's tests.
type tested struct {
	name, file string
	outcome    suite.Outcome
}

func (p *program) test(ctx context.Context, f *testFlags, folders []string) error {
	wanted, err := selectorOf(f.selector)
	if err != nil {
		return err
	}
	files, err := testFiles(folders, f.file)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no file named %s in %s", f.file, strings.Join(folders, ", "))
	}
	runner := suite.Runner{Tree: os.DirFS("/"), Now: p.Clock.Now()}
	if f.registry {
		runner.Images = images.New(registry.New())
	}
	var all []tested
	var wrong []error
	for _, file := range files {
		found, err := p.testFile(ctx, runner, file)
		all, wrong = append(all, found...), append(wrong, err)
	}
	for i := range all {
		all[i].outcome.Rows = slices.DeleteFunc(all[i].outcome.Rows, func(r suite.Row) bool { return !wanted(r) })
	}
	if err := p.printTests(f, all); err != nil {
		return err
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	if failed(all) {
		return verb.Exit(verb.ExitFailed)
	}
	return nil
}

// testFile runs the tests of one file.
func (p *program) testFile(ctx context.Context, runner suite.Runner, file string) ([]tested, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	place := places{strings.TrimPrefix(filepath.ToSlash(filepath.Dir(absolute)), "/"), filepath.Dir(file)}
	cases, mistakes := suite.ParseFile(strings.TrimPrefix(filepath.ToSlash(absolute), "/"), data)
	for i := range mistakes {
		mistakes[i].File = place.shown(mistakes[i].File)
	}
	wrong := []error{yamldoc.Join(mistakes)}
	var all []tested
	for _, c := range cases {
		outcome, err := runner.Run(ctx, c)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("test %q: %s", c.Test.Title(), strings.ReplaceAll(err.Error(), place.tree, place.given)))
			continue
		}
		place.show(&outcome)
		all = append(all, tested{name: c.Test.Title(), file: file, outcome: outcome})
	}
	return all, errors.Join(wrong...)
}

// places turns paths of the tree, which begins at the root, into paths as the
// user gave them.
type places struct{ tree, given string }

func (p places) shown(file string) string {
	relative, err := filepath.Rel("/"+p.tree, "/"+file)
	if err != nil {
		return file
	}
	return filepath.Join(p.given, relative)
}

func (p places) show(outcome *suite.Outcome) {
	for i := range outcome.Rows {
		outcome.Rows[i].File = p.shown(outcome.Rows[i].File)
	}
	for i := range outcome.Problems {
		outcome.Problems[i].File = p.shown(outcome.Problems[i].File)
	}
}

// testFiles finds files by name in folders. A file may be named itself.
func testFiles(folders []string, name string) ([]string, error) {
	var files []string
	for _, folder := range folders {
		if strings.Contains(folder, "://") {
			return nil, verb.Usagef("%s: tests are not fetched; clone the repository and give its folder", folder)
		}
		err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && (entry.Name() == name || file == folder) {
				files = append(files, file)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// selectorOf selects rows by patterns.
func selectorOf(selector map[string]string) (func(suite.Row) bool, error) {
	patterns := map[string]string{"policy": "*", "rule": "*", "resource": "*"}
	for key, value := range selector {
		key = strings.TrimSpace(key)
		if _, known := patterns[key]; !known {
			return nil, verb.Usagef("--test-case-selector %s: must be policy, rule or resource", key)
		}
		patterns[key] = strings.TrimSpace(value)
	}
	return func(row suite.Row) bool {
		name := row.Resource[strings.LastIndex(row.Resource, "/")+1:]
		return pattern.Match(patterns["policy"], row.Policy) && pattern.Match(patterns["rule"], row.Rule) &&
			(pattern.Match(patterns["resource"], name) || pattern.Match(patterns["resource"], row.Resource))
	}, nil
}

func failed(all []tested) bool {
	return slices.ContainsFunc(all, func(t tested) bool { return !t.outcome.Met() })
}

func (p *program) printTests(f *testFlags, all []tested) error {
	rows, problems := []suite.Row{}, []load.Problem{}
	for _, t := range all {
		rows = append(rows, t.outcome.Rows...)
		problems = append(problems, t.outcome.Problems...)
	}
	switch f.out.Chosen {
	case verb.FormatJSON:
		return f.out.Print(p.Out, map[string]any{"results": rows, "problems": problems}, nil)
	case verb.FormatJUnit:
		return format.JUnit(p.Out, testCases(all))
	case verb.FormatSARIF:
		return format.SARIF(p.Out, testFindings(rows, problems), nil)
	default:
		return p.printTestTables(f, all)
	}
}

// printTestTables prints one table for each test, and the sum.
func (p *program) printTestTables(f *testFlags, all []tested) error {
	passed, unmet := 0, 0
	for _, t := range all {
		if !f.failOnly || !t.outcome.Met() {
			fmt.Fprintf(p.Out, "Loading test %s ( %s ) ...\n", t.name, t.file)
		}
		for _, problem := range t.outcome.Problems {
			fmt.Fprintf(p.Out, "  %s\n", problem.String())
		}
		passed += len(t.outcome.Rows) - t.outcome.Failed()
		unmet += t.outcome.Failed()
		if err := p.printTestTable(f, t.outcome.Rows); err != nil {
			return err
		}
	}
	if f.failOnly {
		_, err := fmt.Fprintf(p.Out, "\nTest Summary: %d out of %d tests failed\n", unmet, passed+unmet)
		return err
	}
	_, err := fmt.Fprintf(p.Out, "\nTest Summary: %d tests passed and %d tests failed\n", passed, unmet)
	return err
}

func (p *program) printTestTable(f *testFlags, outcome []suite.Row) error {
	headings := []string{"ID", "POLICY", "RULE", "RESOURCE", "RESULT", "REASON"}
	if f.detailed {
		headings = append(headings, "MESSAGE")
	}
	var rows [][]string
	for i, row := range outcome {
		if f.failOnly && row.Met {
			continue
		}
		result := "Pass"
		if !row.Met {
			result = "Fail"
		}
		cells := []string{strconv.Itoa(i + 1), row.Policy, row.Rule, row.Resource, result, row.Reason}
		if f.detailed {
			cells = append(cells, strings.Join(strings.Fields(row.Message), " "))
		}
		rows = append(rows, cells)
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(p.Out)
	return verb.Table(p.Out, headings, rows)
}

// testCases are results as a build server shows them: a suite for each test. A
// problem is a case of its own.
func testCases(all []tested) []format.Case {
	var cases []format.Case
	for _, t := range all {
		for _, problem := range t.outcome.Problems {
			if problem.Unsupported && problem.Kind != "Test" {
				continue
			}
			cases = append(cases, format.Case{
				Suite: t.name, Class: t.file, Name: problem.Message, File: problem.File, Line: problem.Line,
				Status: policy.Error, Message: problem.String(),
			})
		}
		for _, row := range t.outcome.Rows {
			c := format.Case{
				Suite: t.name, Class: strings.Trim(row.Policy+"/"+row.Rule, "/"), Name: fmt.Sprintf("%s of %s", row.Want, row.Resource),
				File: row.File, Line: row.Line, Status: policy.Pass,
			}
			if !row.Met {
				c.Status, c.Message = policy.Fail, why(row)
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// why says why an expectation was not met.
func why(row suite.Row) string {
	if row.Message == "" {
		return row.Reason
	}
	return row.Reason + ": " + row.Message
}

// testFindings are the expectations that were not met, and the problems, at
// their lines.
func testFindings(rows []suite.Row, problems []load.Problem) []format.Finding {
	var findings []format.Finding
	for _, row := range rows {
		if row.Met {
			continue
		}
		findings = append(findings, format.Finding{
			Result:   policy.Result{Policy: row.Policy, Rule: row.Rule, Tier: policy.Mandatory, Status: policy.Fail, Message: why(row)},
			Resource: format.Resource{Kind: "Test", Name: row.Resource}, File: row.File, Line: row.Line,
		})
	}
	for _, problem := range problems {
		findings = append(findings, format.Finding{
			Result:   policy.Result{Policy: problem.Name, Rule: problem.Rule, Kind: problem.Kind, Tier: policy.Mandatory, Status: policy.Error, Message: problem.Message},
			Resource: format.Resource{Kind: problem.Kind, Name: problem.Name}, File: problem.File, Line: problem.Line,
		})
	}
	return findings
}
