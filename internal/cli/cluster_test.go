package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/policies"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"roadbed": func() {
		env := verb.FromProcess("roadbed", os.Stdin, os.Stdout, os.Stderr, os.Getenv)
		os.Exit(Run(context.Background(), env, os.Args[1:]))
	}})
}

// platform is a control plane with the platform on it, for one test.
type platform struct {
	kube   *kubetest.Env
	health string
}

// startPlatform installs the platform into a plane of its own and runs it.
func startPlatform(t *testing.T) platform {
	t.Helper()
	kube := kubetest.Private(t, kubetest.WithNodes(2), kubetest.WithAdmission(staticGuards()...))
	quiet := slog.New(slog.DiscardHandler)
	err := app.Install(t.Context(), app.InstallOptions{
		Config: kube.Admin, StaticGuards: true, Webhook: app.WebhookLoopback, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan app.Endpoints, 1)
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	dir := t.TempDir()
	go func() {
		ended <- app.Run(ctx, app.Options{
			Config: kube.Plane.RoadbedConfig(), TrailPath: filepath.Join(dir, trailFile), ExportDir: filepath.Join(dir, "exports"),
			Settings: tenancy.Settings{ClusterCIDRs: []string{"10.244.0.0/16"}},
			Log:      quiet, Ready: func(at app.Endpoints) { ready <- at },
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the platform ended with %v", err)
		}
	})
	select {
	case at := <-ready:
		return platform{kube: kube, health: at.Health}
	case err := <-ended:
		ended <- nil
		t.Fatalf("the platform did not start: %v", err)
		return platform{}
	}
}

func staticGuards() []standalone.Manifest {
	var manifests []standalone.Manifest
	for _, guard := range guards.Static() {
		manifests = append(manifests, standalone.Manifest{Name: guard.Name, Data: guard.Data})
	}
	for _, policy := range policies.Static() {
		manifests = append(manifests, standalone.Manifest{Name: policy.Name, Data: policy.Data})
	}
	return manifests
}

// TestClusterScripts runs the verbs against a real API server with the platform
// on it: each file is a session in a shell.
func TestClusterScripts(t *testing.T) {
	t.Parallel()
	on := startPlatform(t)
	admin := on.kube.Kubeconfig(t, standalone.AdminUser, standalone.AdminGroup)
	developer := on.kube.Kubeconfig(t, "nobody-in-particular", "corp:nobodies")
	tools := kubectlFolder(t)
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:                 filepath.Join("testdata", "cluster"),
			RequireExplicitExec: true,
			Setup: func(env *testscript.Env) error {
				env.Setenv("HOME", env.WorkDir)
				env.Setenv("KUBECONFIG", admin)
				env.Setenv("ADMIN", admin)
				env.Setenv("DEVELOPER", developer)
				env.Setenv("PATH", tools+string(os.PathListSeparator)+env.Getenv("PATH"))
				env.Setenv("SERVER", "http://"+on.health)
				return nil
			},
		})
	})
}

// kubectlFolder holds a program "kube" that is kubectl.
func kubectlFolder(t *testing.T) string {
	t.Helper()
	binary, err := kubetest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' kubectl \"$@\"\n", binary)
	if err := os.WriteFile(filepath.Join(dir, "kube"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
