package account_test

import (
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		permission v1alpha1.Permission
		want       string
	}{
		{"ordinary objects", v1alpha1.Permission{APIGroups: []string{"", "apps"}, Resources: []string{"configmaps", "deployments"}}, ""},
		{"every group", v1alpha1.Permission{APIGroups: []string{"*"}, Resources: []string{"x"}}, `API group "*"`},
		{"rights", v1alpha1.Permission{APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"roles"}}, "further rights"},
		{"Roadbed's own kinds", v1alpha1.Permission{APIGroups: []string{"capability.roadbed.dev"}, Resources: []string{"claimapprovals"}}, "further rights"},
		{"claims of others", v1alpha1.Permission{APIGroups: []string{"claims.roadbed.dev"}, Resources: []string{"databases"}}, "further rights"},
		{"every resource", v1alpha1.Permission{APIGroups: []string{"apps"}, Resources: []string{"*"}}, "reaches beyond objects"},
		{"a way into pods", v1alpha1.Permission{APIGroups: []string{""}, Resources: []string{"pods/exec"}}, "reaches beyond objects"},
		{"quotas", v1alpha1.Permission{APIGroups: []string{""}, Resources: []string{"resourcequotas"}}, "isolation"},
		{"service accounts", v1alpha1.Permission{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}}, "isolation"},
		{"acting as others", v1alpha1.Permission{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"impersonate"}}, `verb "impersonate"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := account.Check([]v1alpha1.Permission{test.permission})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
