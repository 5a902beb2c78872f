package policies

import (
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/cli/policies/format"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// formatExplained writes what is explained in the format that was chosen.
func (p *program) formatExplained(f *explainFlags, made *stage, all []explained) error {
	switch f.out.Chosen {
	case verb.FormatTable:
		return p.explainedTable(f, all)
	case verb.FormatSARIF:
		return format.SARIF(p.Out, because(all, false), made.infos())
	case verb.FormatJUnit:
		return format.JUnit(p.Out, format.Cases(because(all, f.all)))
	default:
		return f.out.Print(p.Out, all, func() error { return p.printExplained(f, all) })
	}
}

// explainedTable prints one row for each rule, and with --all one for each
// policy that does not concern the object.
func (p *program) explainedTable(f *explainFlags, all []explained) error {
	var rows [][]string
	for _, finding := range because(all, f.all) {
		message, _, _ := strings.Cut(finding.Message, "\n")
		rows = append(rows, []string{
			finding.Resource.String(), finding.Policy, finding.Rule, string(finding.Tier), string(finding.Lane), string(finding.Status), message,
		})
	}
	return verb.Table(p.Out, []string{"RESOURCE", "POLICY", "RULE", "TIER", "LANE", "RESULT", "MESSAGE"}, rows)
}

// because are the results of rules, with the steps that led there in their
// messages. Unconcerned policies are skips, if they are wanted.
func because(all []explained, unconcerned bool) []format.Finding {
	var findings []format.Finding
	for _, e := range all {
		for _, result := range e.Results {
			result.Message = strings.Join(append([]string{result.Message}, e.why(result.Rule)...), "\n")
			findings = append(findings, format.Of(result, e.subject))
		}
		if len(e.Results) == 0 && unconcerned {
			skipped := policy.Result{Policy: e.Policy, Kind: e.Kind, Tier: e.Tier, Lane: e.Lane, Status: policy.Skip}
			skipped.Message = strings.Join(append([]string{"does not concern it"}, e.why("")...), "\n")
			findings = append(findings, format.Of(skipped, e.subject))
		}
	}
	return findings
}

// why are the steps of a rule, one a line; those of all rules for none.
func (e explained) why(rule string) []string {
	var lines []string
	for _, step := range e.Steps {
		if rule != "" && step.Rule != "" && step.Rule != rule {
			continue
		}
		mark := "yes"
		if !step.OK {
			mark = "no"
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s: %s: %s", step.Kind, mark, oneLine(step.Outcome))))
	}
	return lines
}
