package verb_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
)

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
		folder        bool
		want          string
	}{
		{reason: "the flag before all", flag: "flag", variable: true, files: []string{"embedded", "home"}, want: "https://flag:6443"},
		{reason: "the variable before the embedded one", variable: true, files: []string{"embedded", "home"}, want: "https://variable:6443"},
		{reason: "a folder that is named before the variable", folder: true, variable: true, files: []string{"embedded", "home"}, want: "https://folder:6443"},
		{reason: "the flag before a folder that is named", flag: "flag", folder: true, files: []string{"home"}, want: "https://flag:6443"},
		{reason: "the embedded one before home", files: []string{"embedded", "home"}, want: "https://embedded:6443"},
		{reason: "home last", files: []string{"home"}, want: "https://home:6443"},
		{reason: "a kubectl plugin follows kubectl", name: "kubectl-roadbed", files: []string{"embedded", "home"}, want: "https://home:6443"},
		{reason: "a context is chosen", flag: "flag", context: "two", want: "https://flag-two:6443"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := verbtest.New(t)
			home := s.Vars["HOME"]
			places := map[string]string{
				"embedded": filepath.Join(home, ".local", "share", "roadbed", verb.KubeconfigFile),
				"home":     filepath.Join(home, ".kube", "config"),
			}
			for _, file := range test.files {
				writeKubeconfig(t, places[file], file)
			}
			p := s.Program()
			if test.name != "" {
				p.Name = test.name
			}
			if test.variable {
				s.Vars["KUBECONFIG"] = writeKubeconfig(t, filepath.Join(home, "variable"), "variable")
			}
			if test.flag != "" {
				p.Flags.Kubeconfig = writeKubeconfig(t, filepath.Join(home, "flag"), test.flag)
			}
			if test.folder {
				p.Flags.DataDir = filepath.Join(home, "folder")
				writeKubeconfig(t, filepath.Join(p.Flags.DataDir, verb.KubeconfigFile), "folder")
			}
			p.Flags.Context = test.context
			config, err := p.RestConfig()
			if err != nil {
				t.Fatal(err)
			}
			if config.Host != test.want {
				t.Errorf("found %s, want %s", config.Host, test.want)
			}
		})
	}
}
