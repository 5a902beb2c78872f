package reportapi_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/roadbed-dev/roadbed/internal/adapter/database/postgrestest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// TestPostgres: lists in pages and watches are the same over PostgreSQL.
func TestPostgres(t *testing.T) {
	t.Parallel()
	s := start(t, postgrestest.Start(t))
	for i := range 7 {
		s.put(t, "apples", fmt.Sprint("web", i), policy.Fail)
		s.put(t, "", fmt.Sprint("admin", i), policy.Pass)
	}
	reports := s.reports(t, s.env.Admin, "reports")
	seen := map[string]bool{}
	options := metav1.ListOptions{Limit: 3}
	pages, version := 0, ""
	for {
		page, err := reports.List(t.Context(), options)
		check(t, err)
		if pages++; version != "" && page.GetResourceVersion() != version {
			t.Errorf("page %d has resource version %s, the first %s", pages, page.GetResourceVersion(), version)
		}
		version = page.GetResourceVersion()
		for i := range page.Items {
			seen[page.Items[i].GetName()] = true
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			break
		}
	}
	if len(seen) != 7 || pages != 3 {
		t.Errorf("%d reports on %d pages, want 7 on 3", len(seen), pages)
	}
	watching, err := reports.Watch(t.Context(), metav1.ListOptions{ResourceVersion: version})
	check(t, err)
	defer watching.Stop()
	s.put(t, "", "admin0", policy.Fail) // of the cluster, and so of another kind
	s.put(t, "apples", "web0", policy.Pass)
	expect(t, watching, watch.Modified, "uid-apples-web0")
}
