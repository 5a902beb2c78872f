package doctor

import (
	"errors"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

func TestFindingsAreGolden(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	p := &surgery{s.Program()}
	findings := []finding{
		ok("RBAC", "in use"),
		warn("default StorageClass", "none among 2 classes", "annotate one"),
		fail("tiers", "none, so no tenant can name one", toInstall),
		undecided("Pod Security admission", errors.New("no answer\nand more")),
	}
	if err := p.printFindings(findings); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/output/doctor.golden", s.Stdout.Bytes())
	if err := failures(findings); err == nil || err.Error() != "1 check of 4 failed" {
		t.Errorf("failures: %v", err)
	}
	if err := failures(findings[:2]); err != nil {
		t.Errorf("a warning failed the examination: %v", err)
	}
}
