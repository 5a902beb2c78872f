// Package readiness says whether an object is ready by what most kinds mean by
// that.
package readiness

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// Awaited says what is awaited of an object by what most kinds mean by ready, or
// nothing: its controller has seen its newest generation; the condition Ready,
// else Available, else Complete, is true where there is one; and where the
// object wants copies, as many are ready.
func Awaited(object *unstructured.Unstructured) string {
	name := provision.RefOf(object)
	if object.GetDeletionTimestamp() != nil {
		return fmt.Sprintf("%s is being deleted", name)
	}
	seen, reports, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if err == nil && reports && seen < object.GetGeneration() {
		return fmt.Sprintf("%s is being worked on", name)
	}
	if waits, answered := conditioned(object); answered {
		if waits == "" {
			return ""
		}
		return fmt.Sprintf("%s is not ready: %s", name, waits)
	}
	switch object.GroupVersionKind().Group + "/" + object.GetKind() {
	case "apps/Deployment", "apps/StatefulSet", "apps/ReplicaSet":
		return copies(object, name)
	case "batch/Job":
		return fmt.Sprintf("%s is not complete", name)
	}
	return ""
}

// conditioned looks at the condition that sums up; answered is false when there
// is none.
func conditioned(object *unstructured.Unstructured) (waits string, answered bool) {
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		return "", false
	}
	for _, wanted := range []string{"Ready", "Available", "Complete"} {
		for _, each := range conditions {
			c, ok := each.(map[string]any)
			if !ok || c["type"] != wanted {
				continue
			}
			if c["status"] == "True" {
				return "", true
			}
			return fmt.Sprintf("its condition %s is %v", wanted, c["status"]), true
		}
	}
	return "", false
}

// copies says whether all copies that are wanted are ready.
func copies(object *unstructured.Unstructured, name provision.Ref) string {
	wanted, set, err := unstructured.NestedInt64(object.Object, "spec", "replicas")
	if err != nil || !set {
		wanted = 1
	}
	ready, _, err := unstructured.NestedInt64(object.Object, "status", "readyReplicas")
	if err != nil || ready < wanted {
		return fmt.Sprintf("%s has not all of its copies ready", name)
	}
	return ""
}
