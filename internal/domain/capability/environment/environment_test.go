package environment_test

import (
	"errors"
	"testing"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/environment"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

func TestAddAndRemove(t *testing.T) {
	t.Parallel()
	tenant := &tenancyv1alpha1.Tenant{}
	staging := tenancyv1alpha1.TenantNamespace{Name: "staging"}
	if _, err := environment.Add(tenant, staging, "1"); !errors.Is(err, provision.ErrInvalid) {
		t.Errorf("the unnamed namespace would go: %v", err)
	}
	tenant.Spec.Namespaces = []tenancyv1alpha1.TenantNamespace{{Name: "prod"}}
	for _, want := range []bool{true, false} {
		if changed, err := environment.Add(tenant, staging, "1"); err != nil || changed != want {
			t.Errorf("changed %t, want %t, %v", changed, want, err)
		}
	}
	for name, uid := range map[string]string{"prod": "1", "staging": "2"} {
		if _, err := environment.Add(tenant, tenancyv1alpha1.TenantNamespace{Name: name}, uid); !errors.Is(err, provision.ErrInvalid) {
			t.Errorf("%s is taken over by %s: %v", name, uid, err)
		}
		if environment.Remove(tenant, name, uid) {
			t.Errorf("%s is removed by %s", name, uid)
		}
	}
	if !environment.Remove(tenant, "staging", "1") || len(tenant.Spec.Namespaces) != 1 || tenant.Spec.Namespaces[0].Name != "prod" {
		t.Errorf("left %v", tenant.Spec.Namespaces)
	}
}
