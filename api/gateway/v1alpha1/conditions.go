package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GetPolicyStatus returns the status, to be changed in place.
func (p *AuthorizationPolicy) GetPolicyStatus() *PolicyStatus { return &p.Status }

// GetPolicyStatus returns the status, to be changed in place.
func (p *RateLimitPolicy) GetPolicyStatus() *PolicyStatus { return &p.Status }

// GetPolicyStatus returns the status, to be changed in place.
func (p *LifecyclePolicy) GetPolicyStatus() *PolicyStatus { return &p.Status }

// GetConditions returns the conditions in the status.
func (s *Subscription) GetConditions() []metav1.Condition { return s.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (s *Subscription) SetConditions(c []metav1.Condition) { s.Status.Conditions = c }

// SetObservedGeneration records the generation that the status speaks of.
func (s *Subscription) SetObservedGeneration(g int64) { s.Status.ObservedGeneration = g }
