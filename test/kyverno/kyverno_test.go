package kyverno_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/suite"
)

// sourceVariable names the folder of Kyverno's module.
const sourceVariable = "ROADBED_KYVERNO"

// least is how much of what is in scope must be met.
const least = 0.95

// beyond are the tests of what Roadbed does not do, or what cannot be had without
// the Internet, by the beginning of their folder, with the reason. They are run, and
// left out of the share.
var beyond = []struct{ prefix, reason string }{
	{"test-fail/", "meant to fail"},
	{"test-generate/", "generates objects"},
	{"test-generating-policy/", "generates objects"},
	{"test-context-apicall-gpol", "generates objects"},
	{"test-context-configmap-gpol", "generates objects"},
	{"test-gpol-custom-crd", "generates objects"},
	{"test-deleting-policy/", "deletes objects"},
	{"test-context-apicall-dpol", "deletes objects"},
	{"test-context-configmap-dpol", "deletes objects"},
	{"test-mutating-policy/mutate-existing", "changes objects that exist"},
	{"test-validating-policy/http-", "judges HTTP requests"},
	{"test-validating-policy/envoy-", "judges Envoy's requests"},
	{"test-validating-policy/json-", "judges plain JSON"},
	{"registry", "asks ghcr.io"},
	{"test/images/", "asks ghcr.io"},
	{"test-image-validating-policy/", "asks ghcr.io"},
	{"test/manifests/", "verifies signed manifests"},
	{"test-context-resource-ivpol/", "asks ghcr.io, and its files are incomplete"},
}

func reasonFor(folder string) string {
	for _, each := range beyond {
		if strings.HasPrefix(folder+"/", each.prefix) {
			return each.reason
		}
	}
	return ""
}

// TestCommandLine runs each test file of Kyverno's, and says what is not met.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	source := os.Getenv(sourceVariable)
	if source == "" {
		t.Skip("make conformance-kyverno fetches what this needs")
	}
	runner := suite.Runner{Tree: os.DirFS(filepath.Join(source, "test", "cli")), Now: time.Now()}
	met, all, left := 0, 0, map[string]int{}
	err := fs.WalkDir(runner.Tree, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() != suite.FileName {
			return err
		}
		wrong := run(t, runner, file)
		reason := reasonFor(path.Dir(file))
		switch {
		case reason != "":
			left[reason]++
			return nil
		case wrong == "":
			met++
		default:
			t.Logf("not met: %s: %s", path.Dir(file), wrong)
		}
		all++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for reason, count := range left {
		t.Logf("%d left out: %s", count, reason)
	}
	share := float64(met) / float64(max(all, 1))
	t.Logf("%d of %d test files are met: %.1f %%", met, all, 100*share)
	if share < least {
		t.Errorf("fewer than %.0f %% are met", 100*least)
	}
}

// run returns the first thing that is not as a file expects.
func run(t *testing.T, runner suite.Runner, file string) string {
	t.Helper()
	data, err := fs.ReadFile(runner.Tree, file)
	if err != nil {
		t.Fatal(err)
	}
	cases, mistakes := suite.ParseFile(file, data)
	if len(mistakes) > 0 {
		return mistakes[0].Message
	}
	for _, c := range cases {
		outcome, err := runner.Run(t.Context(), c)
		if err != nil {
			return err.Error()
		}
		for _, row := range outcome.Rows {
			if !row.Met {
				return row.Policy + " " + row.Rule + " of " + row.Resource + ": " + row.Reason
			}
		}
		if !outcome.Met() {
			return outcome.Problems[0].Message
		}
	}
	return ""
}
