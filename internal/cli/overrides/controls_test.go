package overrides_test

import (
	"regexp"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// TestControls: single controls of podSecurity rules, as they are asked for and as
// they must not be.
func TestControls(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason         string
		args           []string
		stdout, stderr string
	}{
		{
			"one value of one field",
			[]string{"--control", "capabilities", "--image", "corp/clock:*,corp/watch", "--restricted-field", "spec.containers[*].securityContext.capabilities.add", "--value", "SYS_TIME", "--value", "NET_*"},
			`(?s)podSecurity:\n  - controlName: Capabilities\n    images:\n    - corp/clock:\*\n    - corp/watch\n    restrictedField: spec.containers\[\*\].securityContext.capabilities.add\n    values:\n    - SYS_TIME\n    - NET_\*\n`, "",
		},
		{"two controls, of a Pod", []string{"--control", "Host Namespaces", "--control", "HostPath Volumes"}, `(?s)- controlName: Host Namespaces\n  - controlName: HostPath Volumes\n`, ""},
		{"no such control", []string{"--control", "Ports"}, "", `--control: "Ports" is no control; use one of Capabilities, Privileged Containers, Host Ports,`},
		{"containers without images", []string{"--control", "Host Ports"}, "", `--image: control "Host Ports" is about containers; say of which images`},
		{"a Pod with images", []string{"--control", "Sysctls", "--image", "x"}, "", `--image: control "Sysctls" is about the Pod`},
		{"values of nothing", []string{"--control", "Sysctls", "--value", "x"}, "", "--value: say which field they are of"},
		{"a field without values", []string{"--control", "Sysctls", "--restricted-field", "x"}, "", "--restricted-field: say in values which"},
		{"a field of two", []string{"--control", "Sysctls", "--control", "Host Namespaces", "--restricted-field", "x", "--value", "y"}, "", "--restricted-field: is a field of one control"},
		{"no control", []string{"--image", "x"}, "", "say with --control which control"},
		{"nothing said", []string{"--control", ""}, "", "--control: nothing is named"},
	} {
		args := append([]string{
			"create", "x", "-n", place, "--policy", "pod-security", "--for", "1d", "--ticket", "CHG-1", "--justification", "twenty characters at least", "--dry-run=client", "-o", "yaml",
		}, test.args...)
		stdout, stderr, code := person{}.says(t, args...)
		want := verb.ExitUsage
		if test.stderr == "" {
			want = verb.ExitOK
		}
		if code != want || !regexp.MustCompile(test.stdout).MatchString(stdout) || !regexp.MustCompile(regexp.QuoteMeta(test.stderr)).MatchString(stderr) {
			t.Errorf("%s: %q ends with %d\nstdout: %s\nstderr: %s", test.reason, test.args, code, stdout, stderr)
		}
	}
}
