package doctor

import (
	"strings"
	"testing"
)

func TestReportFinding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		live    registrations
		verdict verdict
		says    string
	}{
		{"not registered", registrations{}, verdictOK, "asks the server"},
		{"served", registrations{served: []string{"openreports.io"}}, verdictOK, "openreports.io"},
		{"a Kyverno's", registrations{foreign: []string{"wgpolicyk8s.io"}}, verdictOK, "left alone"},
		{"nobody answers", registrations{silent: []string{"v1alpha1.openreports.io"}, why: "connection refused"}, verdictFail, "no namespace finishes deleting: connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := c.live.finding("policy reports")
			if got.Verdict != c.verdict || !strings.Contains(got.Found, c.says) {
				t.Errorf("%s: %s\nwant %s with %q", got.Verdict, got.Found, c.verdict, c.says)
			}
		})
	}
}
