package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GetConditions returns the conditions in the status.
func (o *PolicyOverride) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (o *PolicyOverride) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// SetObservedGeneration records the generation that the status speaks of.
func (o *PolicyOverride) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }
