package offboard

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FuzzManagerOf reads what anybody may have written into managedFields: whatever
// it is, a finalizer has an owner to name.
func FuzzManagerOf(f *testing.F) {
	f.Add([]byte(`{"f:metadata":{"f:finalizers":{".":{},"v:\"acme.example/lock\"":{}}}}`), "acme.example/lock")
	f.Add([]byte(`{"f:metadata":{"f:finalizers":[]}}`), "\xff\"")
	f.Add([]byte(`null`), "")
	f.Fuzz(func(t *testing.T, fields []byte, finalizer string) {
		entries := []metav1.ManagedFieldsEntry{{Manager: "acme"}, {Manager: "acme", FieldsV1: metav1.NewFieldsV1(string(fields))}}
		if managerOf(entries, finalizer) == "" {
			t.Error("nobody is named")
		}
	})
}

// FuzzReported reads what Kubernetes says of a namespace that does not go away. A
// finalizer that is not ours is never passed over.
func FuzzReported(f *testing.F) {
	f.Add(finalizersRemaining + "acme.example/lock in 2 resource instances, tenancy.roadbed.dev/roadbed in 1 resource instances")
	f.Add(finalizersRemaining + "tenancy.roadbed.dev/roadbed in 1 resource instances")
	f.Add(contentRemaining + "rolebindings.rbac.authorization.k8s.io has 1 resource instances")
	f.Add("")
	f.Fuzz(func(t *testing.T, message string) {
		of := func(kind corev1.NamespaceConditionType) *corev1.Namespace {
			ns := &corev1.Namespace{}
			ns.Status.Conditions = []corev1.NamespaceCondition{{Type: kind, Status: corev1.ConditionTrue, Message: message}}
			return ns
		}
		if told := reported(of(corev1.NamespaceFinalizersRemaining)); (len(told) == 0) != onlyOurs(message) {
			t.Errorf("of %q is told %q", message, told)
		}
		if onlyBindings(of(corev1.NamespaceContentRemaining)) && message == "" {
			t.Error("an empty message says that only bindings are left")
		}
	})
}
