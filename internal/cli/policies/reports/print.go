package reports

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	openreportsv1alpha1 "github.com/roadbed-dev/roadbed/api/openreports/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/report"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
)

// narrowed keeps the results that the flags choose, and the reports that have one.
func narrowed(all []found, f *flags) []found {
	kept := []found{}
	for _, one := range all {
		one.Results = slices.DeleteFunc(one.Results, func(r openreportsv1alpha1.Result) bool {
			return f.policy != "" && r.Policy != f.policy || f.status != "" && r.Result != f.status
		})
		if len(one.Results) > 0 {
			kept = append(kept, one)
		}
	}
	return kept
}

// order is how results are listed: what needs somebody comes first.
var order = map[string]int{"error": 0, "fail": 1, "warn": 2, "skip": 3, "pass": 4}

// line is a result with the object that it is about.
type line struct {
	about  found
	result openreportsv1alpha1.Result
}

// lines are the results in their order, without those that pass unless they are
// asked for.
func lines(all []found, f *flags) []line {
	var chosen []line
	for _, one := range all {
		for _, r := range one.Results {
			if r.Result != string(policy.Pass) || f.status == r.Result {
				chosen = append(chosen, line{one, r})
			}
		}
	}
	slices.SortStableFunc(chosen, func(a, b line) int {
		return cmp.Or(cmp.Compare(order[a.result.Result], order[b.result.Result]),
			cmp.Compare(a.about.Namespace, b.about.Namespace), cmp.Compare(a.name(), b.name()), cmp.Compare(a.result.Policy, b.result.Policy))
	})
	return chosen
}

// name is such as "Pod/web".
func (l line) name() string {
	if l.about.Scope == nil {
		return l.about.Name
	}
	return l.about.Scope.Kind + "/" + l.about.Scope.Name
}

func (p *program) table(all []found, f *flags) error {
	headings := []string{"NAMESPACE", "OBJECT", "POLICY", "RULE", "TIER", "RESULT", "AGE"}
	wide := f.out.Chosen == verb.FormatWide
	if wide {
		headings = append(headings, "SEVERITY", "LANE", "OVERRIDE", "MESSAGE")
	}
	var rows [][]string
	for _, l := range lines(all, f) {
		r := l.result
		row := []string{
			l.about.Namespace, l.name(), r.Policy, r.Rule, r.Properties[report.PropertyTier], r.Result,
			duration.HumanDuration(p.Clock.Since(time.Unix(r.Timestamp.Seconds, int64(r.Timestamp.Nanos)))),
		}
		if wide {
			row = append(row, r.Severity, r.Properties[report.PropertyLane], r.Properties[report.PropertyOverride], firstLine(r.Message))
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		if err := verb.Table(p.Out, headings, rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(p.Err, summary(all))
	return err
}

func firstLine(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return first
}

// summary counts results in a sentence.
func summary(all []found) string {
	counts := map[string]int{}
	for _, one := range all {
		for _, r := range one.Results {
			counts[r.Result]++
		}
	}
	if len(counts) == 0 {
		return "No results."
	}
	var parts []string
	for _, status := range []string{"error", "fail", "warn", "skip", "pass"} {
		if counts[status] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[status], status))
		}
	}
	return fmt.Sprintf("%s: %s.", verb.Count(len(all), "object"), strings.Join(parts, ", "))
}

// showHistory prints what changed.
func (p *program) showHistory(ctx context.Context, f *flags) error {
	if err := f.check(); err != nil {
		return err
	}
	list := reportapi.List[reportapi.Change]{Items: []reportapi.Change{}}
	if err := p.ask(ctx, f, reportapi.PathChanges, &list); err != nil {
		return err
	}
	return f.out.Print(p.Out, list, func() error {
		if len(list.Items) == 0 {
			_, err := fmt.Fprintf(p.Err, "Nothing changed in the last %v.\n", f.since)
			return err
		}
		return p.changes(list.Items, f.out.Chosen == verb.FormatWide)
	})
}

func (p *program) changes(all []reportapi.Change, wide bool) error {
	headings := []string{"TIME", "NAMESPACE", "OBJECT", "POLICY", "RULE", "BEFORE", "AFTER"}
	if wide {
		headings = append(headings, "TENANT", "OVERRIDE", "MESSAGE")
	}
	rows := make([][]string, len(all))
	for i, c := range all {
		rows[i] = []string{
			c.At.UTC().Format(time.RFC3339), c.Namespace, c.Kind + "/" + c.Name, c.Policy, c.Rule, string(c.Before), string(c.After),
		}
		if wide {
			rows[i] = append(rows[i], c.Tenant, c.Override, firstLine(c.Message))
		}
	}
	return verb.Table(p.Out, headings, rows)
}
