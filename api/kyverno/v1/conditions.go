package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// conditionReady is the type of the condition that sums up all others.
const conditionReady = "Ready"

// reasonLeftToKyverno is the reason where a Kyverno enforces the policy: what
// sums it up is Kyverno's then.
const reasonLeftToKyverno = "LeftToKyverno"

// setConditions replaces the conditions, and sums them up in the field that
// Kyverno has for that.
func (s *PolicyStatus) setConditions(conditions []metav1.Condition) {
	s.Conditions = conditions
	for _, c := range conditions {
		if c.Reason == reasonLeftToKyverno {
			return
		}
	}
	for _, c := range conditions {
		if c.Type == conditionReady {
			ready := c.Status == metav1.ConditionTrue
			s.Ready = &ready
		}
	}
}

// GetConditions returns the conditions in the status.
func (p *ClusterPolicy) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (p *ClusterPolicy) SetConditions(c []metav1.Condition) { p.Status.setConditions(c) }

// SetObservedGeneration does nothing: the conditions say which generation they
// speak of.
func (p *ClusterPolicy) SetObservedGeneration(int64) {}

// GetConditions returns the conditions in the status.
func (p *Policy) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (p *Policy) SetConditions(c []metav1.Condition) { p.Status.setConditions(c) }

// SetObservedGeneration does nothing: the conditions say which generation they
// speak of.
func (p *Policy) SetObservedGeneration(int64) {}
