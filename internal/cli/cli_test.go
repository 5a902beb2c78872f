package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	clocktesting "k8s.io/utils/clock/testing"
)

// noon is the time in every test.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// session is a program in a test, with all that it wrote.
type session struct {
	Env
	out, err bytes.Buffer
	vars     map[string]string
}

func newSession(t *testing.T) *session {
	t.Helper()
	s := &session{vars: map[string]string{"HOME": t.TempDir()}}
	s.Env = Env{
		Name: "roadbed", In: strings.NewReader(""), Out: &s.out, Err: &s.err,
		Getenv: func(name string) string { return s.vars[name] },
		Clock:  clocktesting.NewFakeClock(noon),
	}
	return s
}

// run executes one command line.
func (s *session) run(t *testing.T, args ...string) (code int) {
	t.Helper()
	return Run(t.Context(), s.Env, args)
}

func TestRunEndsWithTheDocumentedCode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		args   []string
		code   int
		says   string
	}{
		{"a verb that works", []string{"version"}, exitOK, ""},
		{"no verb shows the help", nil, exitOK, ""},
		{"a family alone shows its help", []string{"tenant"}, exitOK, ""},
		{"an unknown verb", []string{"tenants-list"}, exitUsage, `unknown command "tenants-list" for "roadbed"`},
		{"an unknown verb in a family", []string{"tenant", "lst"}, exitUsage, `did you mean "get" or "list"?`},
		{"an unknown flag", []string{"tier", "list", "--frob"}, exitUsage, "unknown flag: --frob"},
		{"an unknown format", []string{"version", "-o", "xml"}, exitUsage, "must be one of text, json, yaml"},
		{"too many arguments", []string{"version", "now"}, exitUsage, `unknown command "now"`},
		{"a missing argument", []string{"tenant", "describe"}, exitUsage, "accepts 1 arg(s)"},
		{"missing flags", []string{"tenant", "create", "payments"}, exitUsage, "--business-unit, --tier, --owner"},
		{"a name and a file", []string{"tenant", "create", "x", "-f", "y"}, exitUsage, "not both"},
		{"yes without the name", []string{"tenant", "offboard", "x", "--yes"}, exitUsage, "--confirm x"},
		{"a wrong dry run", []string{"bu", "create", "x", "--jurisdiction", "uk", "--dry-run=maybe"}, exitUsage, "none, client or server"},
		{"a wrong quantity", []string{"bu", "create", "x", "--jurisdiction", "uk", "--envelope", "pods=many"}, exitUsage, "--envelope pods=many"},
		{"offline without a file", []string{"tenant", "plan", "x", "--offline"}, exitUsage, "--offline needs -f"},
		{"a wrong selector", []string{"tenant", "list", "-l", "a in"}, exitUsage, "--selector"},
		{"no cluster anywhere", []string{"tenant", "list"}, exitFailed, "no cluster found: start one with \"roadbed up\""},
		{"a file that is missing", []string{"tenant", "apply", "-f", "missing.yaml"}, exitFailed, "missing.yaml: no such file"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := newSession(t)
			if code := s.run(t, test.args...); code != test.code {
				t.Errorf("exit code %d, want %d; stderr: %s", code, test.code, s.err.String())
			}
			if !strings.Contains(s.err.String(), test.says) {
				t.Errorf("stderr %q does not say %q", s.err.String(), test.says)
			}
			if test.code != exitOK && !strings.HasPrefix(s.err.String(), "error: ") {
				t.Errorf("stderr %q does not begin with error:", s.err.String())
			}
			if test.code != exitOK && s.out.Len() > 0 {
				t.Errorf("an error went to stdout too: %q", s.out.String())
			}
		})
	}
}

func TestInterruptionIsSaidPlainly(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &program{Env: s.Env, running: true}
	if code := p.report(ctx, p.root(), ctx.Err()); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if got := s.err.String(); got != "error: interrupted\n" {
		t.Errorf("stderr %q", got)
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
		if cmd.Args == nil {
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

func TestKubectlPluginGoesByKubectlsName(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.Name = "kubectl-roadbed"
	if code := s.run(t, "tenant", "--help"); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	if !strings.Contains(s.out.String(), "kubectl roadbed tenant [command]") {
		t.Errorf("help does not speak of kubectl roadbed:\n%s", s.out.String())
	}
}

const kubeconfigTemplate = `apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: one, cluster: {server: "https://SERVER:6443"}}
- {name: two, cluster: {server: "https://SERVER-two:6443"}}
contexts:
- {name: one, context: {cluster: one, user: u}}
- {name: two, context: {cluster: two, user: u}}
users:
- {name: u, user: {token: t}}
`

func writeKubeconfig(t *testing.T, file, server string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(kubeconfigTemplate, "SERVER", server)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestClusterIsFoundInTheDocumentedOrder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason        string
		name          string
		flag, context string
		files         []string
		variable      bool
		want          string
	}{
		{reason: "the flag before all", flag: "flag", variable: true, files: []string{"embedded", "home"}, want: "https://flag:6443"},
		{reason: "the variable before the embedded one", variable: true, files: []string{"embedded", "home"}, want: "https://variable:6443"},
		{reason: "the embedded one before home", files: []string{"embedded", "home"}, want: "https://embedded:6443"},
		{reason: "home last", files: []string{"home"}, want: "https://home:6443"},
		{reason: "a kubectl plugin follows kubectl", name: "kubectl-roadbed", files: []string{"embedded", "home"}, want: "https://home:6443"},
		{reason: "a context is chosen", flag: "flag", context: "two", want: "https://flag-two:6443"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := newSession(t)
			home := s.vars["HOME"]
			places := map[string]string{
				"embedded": filepath.Join(home, ".local", "share", "roadbed", kubeconfigFile),
				"home":     filepath.Join(home, ".kube", "config"),
			}
			for _, file := range test.files {
				writeKubeconfig(t, places[file], file)
			}
			p := &program{Env: s.Env}
			if test.name != "" {
				p.Name = test.name
			}
			if test.variable {
				s.vars["KUBECONFIG"] = writeKubeconfig(t, filepath.Join(home, "variable"), "variable")
			}
			if test.flag != "" {
				p.flags.kubeconfig = writeKubeconfig(t, filepath.Join(home, "flag"), test.flag)
			}
			p.flags.context = test.context
			config, err := p.restConfig()
			if err != nil {
				t.Fatal(err)
			}
			if config.Host != test.want {
				t.Errorf("found %s, want %s", config.Host, test.want)
			}
		})
	}
}
