package operator_test

import (
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// TestWhatBlocksGoes wants a Capability to be published once what its message asks
// for was done: nobody touches the Capability itself.
func TestWhatBlocksGoes(t *testing.T) {
	t.Parallel()
	p := start(t)
	t.Run("the kind is somebody else's", func(t *testing.T) {
		t.Parallel()
		loose := &apiextensionsv1.JSONSchemaProps{Type: "object"}
		theirs := &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: metav1.ObjectMeta{Name: "squats.claims.roadbed.dev"},
			Spec: apiextensionsv1.CustomResourceDefinitionSpec{
				Group: "claims.roadbed.dev", Scope: apiextensionsv1.NamespaceScoped,
				Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: "Squat", ListKind: "SquatList", Plural: "squats", Singular: "squat"},
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
					Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: loose},
				}},
			},
		}
		if err := p.client.Create(t.Context(), theirs); err != nil {
			t.Fatal(err)
		}
		c := p.offer(t, "squat", "")
		p.blocked(t, c, capability.ReasonNameTaken)
		if err := p.client.Delete(t.Context(), theirs); err != nil {
			t.Fatal(err)
		}
		p.ready(t, c)
	})
	t.Run("Roadbed has no rights to the group", func(t *testing.T) {
		t.Parallel()
		c := p.offer(t, "barred", "claims.elsewhere.example")
		p.blocked(t, c, capability.ReasonRightsMissing)
		all := &rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: "test:elsewhere"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"claims.elsewhere.example"}, Resources: []string{"*"}, Verbs: []string{"*"}}},
		}
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "test:elsewhere"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: all.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: identity.Roadbed}},
		}
		for _, each := range []client.Object{all, binding} {
			if err := p.client.Create(t.Context(), each); err != nil {
				t.Fatal(err)
			}
		}
		p.ready(t, c)
	})
}

// offer makes a Capability and does not wait for it; no group is the usual one.
func (p *platform) offer(t *testing.T, name, group string) *v1alpha1.Capability {
	t.Helper()
	c := &v1alpha1.Capability{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.CapabilitySpec{
			Description: "Something that tests claim.", Layer: v1alpha1.LayerData, Owner: v1alpha1.CapabilityOwner{Team: "data"}, Group: group,
			Names:    v1alpha1.ClaimNames{Kind: strings.ToUpper(name[:1]) + name[1:], Plural: name + "s"},
			Versions: []v1alpha1.CapabilityVersion{version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`)},
		},
	}
	c.Spec.Versions[0].Storage = true
	if err := p.client.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// blocked waits until a Capability is not published, for a reason.
func (p *platform) blocked(t *testing.T, c *v1alpha1.Capability, reason string) {
	t.Helper()
	kubetest.Eventually(t, patience, "it is blocked", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
			return err
		}
		if is := condition.Get(c.Status.Conditions, capability.ConditionPublished); is == nil || is.Reason != reason {
			return fmt.Errorf("it is %+v", is)
		}
		return nil
	})
}
