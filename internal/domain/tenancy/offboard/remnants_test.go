package offboard

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

func TestDescribeStuck(t *testing.T) {
	t.Parallel()
	foreign := hook{finalizer: "acme.example/lock", manager: "acme-operator"}
	own := hook{finalizer: v1alpha1.Finalizer, manager: "roadbed"}
	many := make([]remnant, 7)
	for i := range many {
		many[i] = remnant{resource: "widgets.acme.example", namespace: "tenant-a", name: strconv.Itoa(i), deleting: true, holds: []hook{foreign}}
	}
	for _, row := range []struct {
		reason string
		left   []remnant
		want   []string
	}{
		{"nothing is left", nil, nil},
		{"nobody has asked for its deletion", []remnant{{resource: "pods", name: "a", holds: []hook{foreign}}}, nil},
		{"it is on its way and nothing holds it", []remnant{{resource: "pods", name: "a", deleting: true}}, nil},
		{"our own finalizer goes by itself", []remnant{{resource: "rolebindings", name: "a", deleting: true, holds: []hook{own}}}, nil},
		{
			"beside ours, the other's is named",
			[]remnant{{resource: "pods", namespace: "tenant-a", name: "a", deleting: true, holds: []hook{own, foreign}}},
			[]string{`pods/a in namespace tenant-a is held by finalizer "acme.example/lock", set by "acme-operator": let its controller finish, or remove the finalizer if that controller is gone`},
		},
	} {
		if got := strings.Join(describeStuck(row.left), "\n"); got != strings.Join(row.want, "\n") {
			t.Errorf("%s: %q", row.reason, got)
		}
	}
	if got := describeStuck(many); len(got) != 6 || got[5] != "and 2 more objects" {
		t.Errorf("many are told as %q", got)
	}
}

func TestManagerOf(t *testing.T) {
	t.Parallel()
	fields := []metav1.ManagedFieldsEntry{
		{Manager: "kubectl", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{}}}`)},
		{Manager: "broken", FieldsV1: metav1.NewFieldsV1(`{`)},
		{Manager: "nothing"},
		{Manager: "acme", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:finalizers":{".":{},"v:\"acme.example/lock\"":{}}}}`)},
	}
	for finalizer, want := range map[string]string{"acme.example/lock": "acme", "other.example/lock": "an unknown manager"} {
		if got := managerOf(fields, finalizer); got != want {
			t.Errorf("%s was set by %q, want %q", finalizer, got, want)
		}
	}
}

// Where Roadbed may not look itself, what Kubernetes says of a namespace has to do.
func TestReported(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ reason, message, want string }{
		{"only our own", finalizersRemaining + v1alpha1.Finalizer + " in 1 resource instances", ""},
		{
			"another one beside ours", finalizersRemaining + v1alpha1.Finalizer + " in 1 resource instances, acme.example/lock in 2 resource instances",
			"namespace tenant-a: " + finalizersRemaining + v1alpha1.Finalizer + " in 1 resource instances, acme.example/lock in 2 resource instances",
		},
	} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant-a"}}
		ns.Status.Conditions = []corev1.NamespaceCondition{{Type: corev1.NamespaceFinalizersRemaining, Status: corev1.ConditionTrue, Message: row.message}}
		if got := strings.Join(reported(ns), "\n"); got != row.want {
			t.Errorf("%s: %q", row.reason, got)
		}
	}
}

func TestOnlyBindings(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]bool{
		contentRemaining + "rolebindings.rbac.authorization.k8s.io has 2 resource instances":                                 true,
		contentRemaining + "rolebindings.rbac.authorization.k8s.io has 2 resource instances, pods. has 1 resource instances": false,
		contentRemaining + "widgets.acme.example has 1 resource instances":                                                   false,
	} {
		ns := &corev1.Namespace{}
		if onlyBindings(ns) {
			t.Error("a namespace of which nothing is reported counts as empty")
		}
		ns.Status.Conditions = []corev1.NamespaceCondition{{Type: corev1.NamespaceContentRemaining, Status: corev1.ConditionTrue, Message: message}}
		if got := onlyBindings(ns); got != want {
			t.Errorf("%q: only bindings is %t", message, got)
		}
	}
}

// An export shows which keys a Secret had and gives none of their values away.
func TestTidyRedactsSecrets(t *testing.T) {
	t.Parallel()
	secret := func() *unstructured.Unstructured {
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "data": map[string]any{"password": "aHVudGVyMg=="},
		}}
		object.SetName("db")
		object.SetAnnotations(map[string]string{corev1.LastAppliedConfigAnnotation: `{"data":{"password":"aHVudGVyMg=="}}`, "mine": "stays"})
		return object
	}
	for _, row := range []struct {
		reason string
		export bool
	}{{"by default", false}, {"when secrets were asked for", true}} {
		got := (&Procedure{exportSecrets: row.export}).tidy([]*unstructured.Unstructured{secret()})[0]
		text := fmt.Sprint(got.Object)
		if strings.Contains(text, "aHVudGVyMg") != row.export {
			t.Errorf("%s: %s", row.reason, text)
		}
		if !strings.Contains(text, "password") || got.GetAnnotations()["mine"] != "stays" {
			t.Errorf("%s more is gone than values: %s", row.reason, text)
		}
	}
}

func TestTidySorts(t *testing.T) {
	t.Parallel()
	object := func(kind, namespace, name string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{"kind": kind}}
		o.SetNamespace(namespace)
		o.SetName(name)
		o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "x"}})
		return o
	}
	sorted := (&Procedure{}).tidy([]*unstructured.Unstructured{object("Pod", "b", "a"), object("Pod", "a", "b"), object("ConfigMap", "z", "z")})
	var got []string
	for _, o := range sorted {
		got = append(got, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
		if len(o.GetManagedFields()) > 0 {
			t.Errorf("%s keeps what only a server needs", o.GetName())
		}
	}
	if order := strings.Join(got, ", "); order != "ConfigMap z/z, Pod a/b, Pod b/a" {
		t.Errorf("order %s", order)
	}
}

func TestResidueReportIsBounded(t *testing.T) {
	t.Parallel()
	found := make([]string, 300)
	for i := range found {
		found[i] = strings.Repeat("x", 600)
	}
	report := residueReport(found)
	if len(report) != 256 || report[255] != "and 45 more" {
		t.Errorf("%d entries, the last is %q", len(report), report[len(report)-1])
	}
	if len(report[0]) > 512 {
		t.Errorf("an entry has %d bytes", len(report[0]))
	}
}

// Roadbed may read everything in a namespace only while it offboards it, and
// the binding that lets it goes last.
func TestOffboarderBindings(t *testing.T) {
	t.Parallel()
	objects := offboarderBindings(leaver(v1alpha1.LifecycleOffboarding, "payments"), map[string]*corev1.Namespace{"b": {}, "a": {}})
	if len(objects) != 2 || objects[0].GetNamespace() != "a" || objects[1].GetNamespace() != "b" {
		t.Fatalf("bindings %v", objects)
	}
	binding := objects[0].(*rbacv1.RoleBinding)
	if len(binding.Subjects) != 1 || binding.Subjects[0].Name != identity.Roadbed || binding.RoleRef.Name != RoleOffboarder {
		t.Errorf("it gives %v to %v", binding.RoleRef, binding.Subjects)
	}
	if binding.Finalizers[0] != v1alpha1.Finalizer || lastToGo(binding) <= lastToGo(&rbacv1.RoleBinding{}) {
		t.Error("it does not go last")
	}
	if releasable(binding) {
		t.Error("it is released though nobody deletes it")
	}
}
