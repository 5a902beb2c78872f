package override

import (
	"regexp"
	"strings"
)

// expression is the anchored regular expression that matches what any of the
// patterns does; empty, which matches everything, when there are none. Its
// syntax is RE2's, which Go and CEL share.
func expression(patterns []string) string {
	if len(patterns) == 0 {
		return ""
	}
	alternatives := make([]string, len(patterns))
	for i, pattern := range patterns {
		alternatives[i] = wildcards.Replace(regexp.QuoteMeta(strings.ToValidUTF8(pattern, "\uFFFD")))
	}
	return "^(?:" + strings.Join(alternatives, "|") + ")$"
}

// wildcards turns the quoted wildcards of a pattern back into what they stand for.
var wildcards = strings.NewReplacer(`\*`, `.*`, `\?`, `.`)
