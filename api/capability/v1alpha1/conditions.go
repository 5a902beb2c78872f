package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GetConditions returns the conditions in the status.
func (c *Capability) GetConditions() []metav1.Condition { return c.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (c *Capability) SetConditions(conditions []metav1.Condition) { c.Status.Conditions = conditions }

// SetObservedGeneration records the generation that the status speaks of.
func (c *Capability) SetObservedGeneration(g int64) { c.Status.ObservedGeneration = g }

// GetConditions returns the conditions in the status.
func (f *FeatureFlag) GetConditions() []metav1.Condition { return f.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (f *FeatureFlag) SetConditions(conditions []metav1.Condition) { f.Status.Conditions = conditions }

// SetObservedGeneration records the generation that the status speaks of.
func (f *FeatureFlag) SetObservedGeneration(g int64) { f.Status.ObservedGeneration = g }

// GetConditions returns the conditions in the status.
func (r *CapabilityRevision) GetConditions() []metav1.Condition { return r.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (r *CapabilityRevision) SetConditions(conditions []metav1.Condition) {
	r.Status.Conditions = conditions
}

// SetObservedGeneration records the generation that the status speaks of.
func (r *CapabilityRevision) SetObservedGeneration(g int64) { r.Status.ObservedGeneration = g }

// GetConditions returns the conditions in the status.
func (a *ClaimApproval) GetConditions() []metav1.Condition { return a.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (a *ClaimApproval) SetConditions(conditions []metav1.Condition) {
	a.Status.Conditions = conditions
}

// SetObservedGeneration records the generation that the status speaks of.
func (a *ClaimApproval) SetObservedGeneration(g int64) { a.Status.ObservedGeneration = g }
