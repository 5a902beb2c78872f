package guards_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/guards"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const patience = time.Minute

// attack is something that a guard of capabilities must refuse, whoever asks.
type attack struct {
	name   string
	guard  []client.Object
	object client.Object
	want   string // of the refusal
}

func attacks() []attack {
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name("box", "tenant-a")}
	claim := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": int64(1)}}}
	claim.SetAPIVersion("claims.roadbed.dev/v1")
	claim.SetKind("Box")
	claim.SetNamespace("tenant-a")
	claim.SetName(strings.Repeat("x", 64))
	in := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	return []attack{
		{"a role becomes part of every tenant's", guards.Objects(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{
			Name: "sneaky", Labels: map[string]string{"capability.roadbed.dev/aggregate-to-tenant-viewer": "true"},
		}}, "Roadbed alone sets them"},
		{"a token of an account", account.Guards(), &corev1.Secret{ObjectMeta: in(account.Namespace, "token")}, "names of the capabilities' accounts"},
		{"an account as an object", account.Guards(), &corev1.ServiceAccount{ObjectMeta: in(account.Namespace, "box.tenant-a")}, "names of the capabilities' accounts"},
		{"an account bound by somebody else", account.Guards(), &rbacv1.RoleBinding{
			ObjectMeta: in("tenant-a", "x"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"}, Subjects: []rbacv1.Subject{subject},
		}, "bound by Roadbed alone"},
		{"an account bound everywhere", account.Guards(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: in("", "x"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"}, Subjects: []rbacv1.Subject{subject},
		}, "bound by Roadbed alone"},
		{"a capability's role by somebody else", account.Guards(), &rbacv1.Role{ObjectMeta: in("tenant-a", account.RolePrefix+"x")}, "written by Roadbed alone"},
		{"a claim whose objects could not be labelled", approval.Guards(), claim, "at most 63 characters"},
		{"an approval in another's name", approval.Guards(), &v1alpha1.ClaimApproval{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-a", Name: "x", Annotations: map[string]string{v1alpha1.AnnotationApproverGroups: "approvers"}},
			Spec: v1alpha1.ClaimApprovalSpec{
				ClaimRef: v1alpha1.ClaimReference{APIVersion: "claims.roadbed.dev/v1", Kind: "Box", Name: "one", UID: "1"},
				Hash:     "0123456789abcdef", Requester: "admin-of-tests", ExpiresAt: metav1.NewTime(time.Now().Add(time.Hour)),
			},
		}, "nobody approves his own"},
		{"a revision by somebody else", approval.Guards(), &v1alpha1.CapabilityRevision{
			ObjectMeta: in("", "box-v1-0123456789"),
			Spec: v1alpha1.CapabilityRevisionSpec{
				Capability: "box", Version: "v1", Number: 1, Hash: "0123456789", Schema: v1alpha1.ClaimSchema{Spec: runtime.RawExtension{Raw: []byte(`{"type":"object"}`)}},
				Provisioner: v1alpha1.Provisioner{Type: v1alpha1.ProvisionerBuiltin, Builtin: &v1alpha1.BuiltinProvisioner{Name: "none"}},
			},
		}, "made by Roadbed"},
	}
}

// TestGuardsStopAttacks tries each attack without its guard, where it must
// succeed, and with it, where it must not: so nothing else stops it.
func TestGuardsStopAttacks(t *testing.T) {
	t.Parallel()
	env := kubetest.Private(t)
	env.InstallCRDs(t)
	admin := env.ClientAs(t, "admin-of-tests", "system:masters", "system:authenticated")
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-a"}}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: account.Namespace}}, boxes(),
	} {
		if err := admin.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	try := func(a attack) error {
		return admin.Create(t.Context(), a.object.DeepCopyObject().(client.Object), client.DryRunAll)
	}
	all := attacks()
	for _, a := range all {
		kubetest.Eventually(t, patience, a.name+", without its guard", func() error { return try(a) })
	}
	for _, object := range append(append(guards.Objects(), account.Guards()...), approval.Guards()...) {
		if err := admin.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range all {
		kubetest.Eventually(t, patience, a.name+" is refused", func() error {
			if err := try(a); err == nil || !strings.Contains(err.Error(), a.want) {
				return fmt.Errorf("got %w, want %q", err, a.want)
			}
			return nil
		})
	}
	forged := all[6].object.DeepCopyObject().(*unstructured.Unstructured)
	forged.SetName("one")
	forged.SetAnnotations(map[string]string{v1alpha1.AnnotationRequester: "somebody-else"})
	if err := admin.Create(t.Context(), forged, client.DryRunAll); err != nil || approval.Requester(forged) != "admin-of-tests" {
		t.Errorf("the requester is %q: %v", approval.Requester(forged), err)
	}
	for _, a := range all {
		if err := removed(t, admin, a.guard); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range all {
		kubetest.Eventually(t, patience, a.name+", with its guard gone", func() error { return try(a) })
	}
}

func removed(t *testing.T, admin client.Client, guard []client.Object) error {
	t.Helper()
	for _, object := range guard {
		if err := client.IgnoreNotFound(admin.Delete(t.Context(), object)); err != nil {
			return err
		}
	}
	return nil
}

// boxes are a kind of claims.
func boxes() *apiextensionsv1.CustomResourceDefinition {
	loose := apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "boxes.claims.roadbed.dev"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "claims.roadbed.dev", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: "Box", ListKind: "BoxList", Plural: "boxes", Singular: "box"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &loose},
			}},
		},
	}
}
