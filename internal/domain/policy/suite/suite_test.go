package suite_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/suite"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// TestRun runs the tests in an archive; its file "outcome" is what came of it.
func TestRun(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		t.Helper()
		tree, err := txtar.FS(archive)
		if err != nil {
			t.Fatal(err)
		}
		cases, mistakes := suite.ParseFile(suite.FileName, golden.File(t, archive, suite.FileName))
		var out bytes.Buffer
		for _, mistake := range mistakes {
			fmt.Fprintln(&out, mistake)
		}
		runner := suite.Runner{Tree: tree, Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		for _, c := range cases {
			outcome, err := runner.Run(t.Context(), c)
			if err != nil {
				fmt.Fprintln(&out, "error:", err)
			}
			for _, problem := range outcome.Problems {
				fmt.Fprintln(&out, problem)
			}
			for _, row := range outcome.Rows {
				fmt.Fprintf(&out, "%s:%d %s/%s %s met=%t (%s) %s\n", row.File, row.Line, row.Policy, row.Rule, row.Resource, row.Met, row.Reason, row.Message)
			}
		}
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "outcome" })
		archive.Files = append(archive.Files, txtar.File{Name: "outcome", Data: out.Bytes()})
		return archive
	})
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte("apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\nmetadata: {name: x}\nresults:\n- {policy: p, result: pass, resources: [a]}\n"))
	f.Add([]byte("name: old\nvalues: {globalValues: {request.operation: UPDATE}}\n---\nkind: Other\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cases, _ := suite.ParseFile("f", data)
		for _, c := range cases {
			if _, err := (suite.Runner{Tree: fsOf()}).Run(t.Context(), c); err == nil && len(c.Test.Policies) > 0 {
				t.Errorf("policies %q were found in an empty folder", c.Test.Policies)
			}
		}
	})
}

func fsOf() fs.FS { return fstest.MapFS{} }
