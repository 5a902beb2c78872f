package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
)

func TestRunEndsWithTheDocumentedCode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		args   []string
		code   int
		says   string
	}{
		{"a verb that works", []string{"version"}, verb.ExitOK, ""},
		{"no verb shows the help", nil, verb.ExitOK, ""},
		{"a family alone shows its help", []string{"tenant"}, verb.ExitOK, ""},
		{"an unknown verb", []string{"tenants-list"}, verb.ExitUsage, `unknown command "tenants-list" for "roadbed"`},
		{"an unknown verb in a family", []string{"tenant", "lst"}, verb.ExitUsage, `did you mean "get" or "list"?`},
		{"an unknown flag", []string{"tier", "list", "--frob"}, verb.ExitUsage, "unknown flag: --frob"},
		{"an unknown format", []string{"version", "-o", "xml"}, verb.ExitUsage, "must be one of text, json, yaml"},
		{"too many arguments", []string{"version", "now"}, verb.ExitUsage, `unknown command "now"`},
		{"a missing argument", []string{"tenant", "describe"}, verb.ExitUsage, "accepts 1 arg(s)"},
		{"missing flags", []string{"tenant", "create", "payments"}, verb.ExitUsage, "--business-unit, --tier, --owner"},
		{"a name and a file", []string{"tenant", "create", "x", "-f", "y"}, verb.ExitUsage, "not both"},
		{"yes without the name", []string{"tenant", "offboard", "x", "--yes"}, verb.ExitUsage, "--confirm x"},
		{"a wrong dry run", []string{"bu", "create", "x", "--jurisdiction", "uk", "--dry-run=maybe"}, verb.ExitUsage, "none, client or server"},
		{"a wrong quantity", []string{"bu", "create", "x", "--jurisdiction", "uk", "--envelope", "pods=many"}, verb.ExitUsage, "--envelope pods=many"},
		{"offline without a file", []string{"tenant", "plan", "x", "--offline"}, verb.ExitUsage, "--offline needs -f"},
		{"a wrong selector", []string{"tenant", "list", "-l", "a in"}, verb.ExitUsage, "--selector"},
		{"a gate that there is not", []string{"up", "--feature-gates", "Gatewy=true"}, verb.ExitUsage, `no feature gate "Gatewy": use some of Capabilities, Gateway, IsolationModels`},
		{"a gate that is neither", []string{"server", "--feature-gates", "Gateway=perhaps"}, verb.ExitUsage, "Gateway=perhaps: must be NAME=true or NAME=false"},
		{"a gate to install that there is not", []string{"install", "--feature-gates", "Gateway,gateway"}, verb.ExitUsage, `no feature gate "gateway"`},
		{"no cluster anywhere", []string{"tenant", "list"}, verb.ExitFailed, "no cluster found: start one with \"roadbed up\""},
		{"a file that is missing", []string{"tenant", "apply", "-f", "missing.yaml"}, verb.ExitFailed, "missing.yaml: no such file"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := verbtest.New(t)
			if code := run(t, s, test.args...); code != test.code {
				t.Errorf("exit code %d, want %d; stderr: %s", code, test.code, s.Stderr.String())
			}
			if !strings.Contains(s.Stderr.String(), test.says) {
				t.Errorf("stderr %q does not say %q", s.Stderr.String(), test.says)
			}
			if test.code != verb.ExitOK && !strings.HasPrefix(s.Stderr.String(), "error: ") {
				t.Errorf("stderr %q does not begin with error:", s.Stderr.String())
			}
			if test.code != verb.ExitOK && s.Stdout.Len() > 0 {
				t.Errorf("an error went to stdout too: %q", s.Stdout.String())
			}
		})
	}
}

// TestEveryVerbIsExplained holds each verb to what the package promises.
func TestEveryVerbIsExplained(t *testing.T) {
	t.Parallel()
	var walk func(*testing.T, *cobra.Command)
	walk = func(t *testing.T, cmd *cobra.Command) {
		t.Helper()
		path := cmd.CommandPath()
		if strings.HasPrefix(path, "roadbed completion") || strings.HasPrefix(path, "roadbed help") {
			return
		}
		if cmd.Short == "" || cmd.Long == "" {
			t.Errorf("%s: no short or long help", path)
		}
		if strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: the short help ends with a full stop", path)
		}
		if cmd.Args == nil && !cmd.DisableFlagParsing {
			t.Errorf("%s: takes any arguments", path)
		}
		if !cmd.HasSubCommands() && !strings.Contains(cmd.Example, path) {
			t.Errorf("%s: no example that calls it", path)
		}
		for line := range strings.Lines(cmd.Long) {
			if len(line) > 90 {
				t.Errorf("%s: long help has a line of %d characters", path, len(line))
			}
		}
		for _, child := range cmd.Commands() {
			walk(t, child)
		}
	}
	walk(t, Reference())
}

// TestNamesOfPeopleAreTakenWhole gives each flag that names people a group as
// directories name them: a comma is part of it.
func TestNamesOfPeopleAreTakenWhole(t *testing.T) {
	t.Parallel()
	const group = "CN=devs,OU=corp"
	flags := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, name := range []string{"group", "admin", "developer", "viewer"} {
			flag := cmd.LocalFlags().Lookup(name)
			if flag == nil {
				continue
			}
			flags++
			if err := flag.Value.Set(group); err != nil {
				t.Errorf("%s --%s: %v", cmd.CommandPath(), name, err)
			}
			if list, ok := flag.Value.(pflag.SliceValue); !ok || !slices.Equal(list.GetSlice(), []string{group}) {
				t.Errorf("%s --%s makes %s of one group", cmd.CommandPath(), name, flag.Value)
			}
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(Reference())
	if flags == 0 {
		t.Error("no flag that names people was found")
	}
}

func TestKubectlPluginGoesByKubectlsName(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	s.Name = "kubectl-roadbed"
	if code := run(t, s, "tenant", "--help"); code != verb.ExitOK {
		t.Fatalf("exit code %d", code)
	}
	if !strings.Contains(s.Stdout.String(), "kubectl roadbed tenant [command]") {
		t.Errorf("help does not speak of kubectl roadbed:\n%s", s.Stdout.String())
	}
}

// run executes one command line.
func run(t *testing.T, s *verbtest.Session, args ...string) (code int) {
	t.Helper()
	return Run(t.Context(), s.Env, args)
}
