package policy

import (
	"fmt"
	"strings"
)

// sentences joins what the chosen results say, one line each.
func sentences(results []Result, chosen func(Result) bool) string {
	var lines []string
	for _, result := range results {
		if chosen(result) {
			lines = append(lines, sentence(result))
		}
	}
	return strings.Join(lines, "\n")
}

// sentence names the policy, the rule and the tier before the message, so that
// a reader knows whom to ask and whether an override is possible.
func sentence(r Result) string {
	return fmt.Sprintf("policy %s, rule %s (%s): %s", r.Policy, r.Rule, r.Tier, r.Message)
}
