package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GetConditions returns the conditions in the status.
func (b *BusinessUnit) GetConditions() []metav1.Condition { return b.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (b *BusinessUnit) SetConditions(c []metav1.Condition) { b.Status.Conditions = c }

// SetObservedGeneration records the generation that the status speaks of.
func (b *BusinessUnit) SetObservedGeneration(g int64) { b.Status.ObservedGeneration = g }

// GetConditions returns the conditions in the status.
func (t *Tier) GetConditions() []metav1.Condition { return t.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (t *Tier) SetConditions(c []metav1.Condition) { t.Status.Conditions = c }

// SetObservedGeneration records the generation that the status speaks of.
func (t *Tier) SetObservedGeneration(g int64) { t.Status.ObservedGeneration = g }

// GetConditions returns the conditions in the status.
func (t *Tenant) GetConditions() []metav1.Condition { return t.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (t *Tenant) SetConditions(c []metav1.Condition) { t.Status.Conditions = c }

// SetObservedGeneration records the generation that the status speaks of.
func (t *Tenant) SetObservedGeneration(g int64) { t.Status.ObservedGeneration = g }
