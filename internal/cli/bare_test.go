package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// TestBareScripts runs the verbs against a real API server that has never
// heard of Roadbed. Servers act as the service account that is installed, with
// its rights and no others.
func TestBareScripts(t *testing.T) {
	t.Parallel()
	kube := kubetest.Private(t)
	admin := kube.Kubeconfig(t, standalone.AdminUser, standalone.AdminGroup)
	server := kube.Kubeconfig(t, identity.Roadbed, identity.RoadbedGroups()...)
	tools := kubectlFolder(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "bare"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("KUBECONFIG", admin)
			env.Setenv("SERVER", server)
			env.Setenv("PATH", tools+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("NO_COLOR", "1")
			return nil
		},
	})
}
