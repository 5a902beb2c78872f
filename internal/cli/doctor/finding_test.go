package doctor

import (
	"errors"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"

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

func TestRightsAreEachVerbOnEachResource(t *testing.T) {
	t.Parallel()
	rights := rightsOf(rbacv1.PolicyRule{
		APIGroups: []string{"", "apps"}, Resources: []string{"pods", "pods/eviction"},
		Verbs: []string{"get", "list"}, ResourceNames: []string{"a", "b"},
	})
	if len(rights) != 16 {
		t.Fatalf("%d rights, want 16", len(rights))
	}
	want := authorizationv1.ResourceAttributes{Group: "apps", Resource: "pods", Subresource: "eviction", Verb: "list", Name: "b"}
	if last := rights[len(rights)-1]; last != want {
		t.Errorf("last right %+v, want %+v", last, want)
	}
	if unnamed := rightsOf(rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}); len(unnamed) != 1 {
		t.Errorf("%d rights of a rule without names, want 1", len(unnamed))
	}
	if len(neededRights()) < 50 {
		t.Errorf("only %d rights: the role was not found", len(neededRights()))
	}
}
