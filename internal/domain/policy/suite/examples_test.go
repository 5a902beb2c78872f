package suite_test

import (
	"io/fs"
	"os"
	"path"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/suite"
)

// TestExamples: the tests beside the example policies are met.
func TestExamples(t *testing.T) {
	t.Parallel()
	tree := os.DirFS("../../../../examples/policies")
	found := 0
	err := fs.WalkDir(tree, ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || path.Base(file) != suite.FileName {
			return err
		}
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		cases, mistakes := suite.ParseFile(file, text)
		for _, mistake := range mistakes {
			t.Error(mistake)
		}
		for _, c := range cases {
			found++
			run(t, suite.Runner{Tree: tree, Now: time.Unix(0, 0)}, c)
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Fatalf("%d tests, %v", found, err)
	}
}

func run(t *testing.T, runner suite.Runner, c *suite.Case) {
	t.Helper()
	outcome, err := runner.Run(t.Context(), c)
	if err != nil {
		t.Error(err)
	}
	for _, problem := range outcome.Problems {
		t.Error(problem)
	}
	for _, row := range outcome.Rows {
		if !row.Met {
			t.Errorf("%s:%d: %s of %s: %s: %s", row.File, row.Line, row.Policy, row.Resource, row.Reason, row.Message)
		}
	}
}
