package claim

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// Claim is a claim of whatever kind.
type Claim struct{ *unstructured.Unstructured }

var (
	_ steps.Object         = (*Claim)(nil)
	_ runtime.Unstructured = (*Claim)(nil)
)

// newClaim returns an empty claim of a kind.
func newClaim(kind schema.GroupVersionKind) *Claim {
	made := &Claim{&unstructured.Unstructured{}}
	made.SetGroupVersionKind(kind)
	return made
}

// DeepCopyObject returns a copy of the claim.
func (c *Claim) DeepCopyObject() runtime.Object { return &Claim{c.DeepCopy()} }

// status is what all claims' statuses have. A status that is not as it should be
// is as good as none.
func (c *Claim) status() v1alpha1.ClaimStatus {
	var status v1alpha1.ClaimStatus
	content, _, _ := unstructured.NestedMap(c.Object, "status")
	if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &status) != nil {
		return v1alpha1.ClaimStatus{}
	}
	return status
}

// platform is the platform's part of the spec.
func (c *Claim) platform() v1alpha1.ClaimPlatform {
	var platform v1alpha1.ClaimPlatform
	content, _, _ := unstructured.NestedMap(c.Object, "spec", "platform")
	if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &platform) != nil {
		return v1alpha1.ClaimPlatform{}
	}
	return platform
}

// set writes a field of the status; nil removes it.
func (c *Claim) set(field string, value any) {
	status, _, _ := unstructured.NestedMap(c.Object, "status")
	if status == nil {
		status = map[string]any{}
	}
	if value == nil {
		delete(status, field)
	} else {
		status[field] = loose(value)
	}
	c.Object["status"] = status
}

// loose is a value as JSON has it.
func loose(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return nil // no value of ours is without JSON
	}
	wrapped := &unstructured.Unstructured{}
	if err := wrapped.UnmarshalJSON([]byte(`{"apiVersion":"v1","kind":"X","value":` + string(text) + `}`)); err != nil {
		return nil
	}
	return wrapped.Object["value"]
}

// GetConditions returns the conditions in the status.
func (c *Claim) GetConditions() []metav1.Condition { return c.status().Conditions }

// SetConditions replaces the conditions in the status.
func (c *Claim) SetConditions(conditions []metav1.Condition) { c.set("conditions", conditions) }

// SetObservedGeneration records the generation that the status speaks of.
func (c *Claim) SetObservedGeneration(g int64) { c.set("observedGeneration", g) }
