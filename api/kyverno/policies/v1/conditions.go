package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// conditionReady is the type of the condition that sums up all others.
const conditionReady = "Ready"

// ReasonLeftToKyverno means that a Kyverno enforces the policies of this
// cluster: Roadbed evaluates the policy in scans and on the command line, and
// has nothing in force for it.
const ReasonLeftToKyverno = "LeftToKyverno"

// GetConditions returns the conditions in the status.
func (s *PolicyStatus) GetConditions() []metav1.Condition { return s.ConditionStatus.Conditions }

// SetConditions replaces the conditions in the status, and sums them up in the
// fields that Kyverno has for that. Where Kyverno enforces the policy, those
// fields are Kyverno's.
func (s *PolicyStatus) SetConditions(conditions []metav1.Condition) {
	s.ConditionStatus.Conditions = conditions
	for _, c := range conditions {
		if c.Reason == ReasonLeftToKyverno {
			return
		}
	}
	for _, c := range conditions {
		if c.Type == conditionReady {
			ready := c.Status == metav1.ConditionTrue
			s.ConditionStatus.Ready, s.ConditionStatus.Message = &ready, c.Message
		}
	}
}

// GetConditions returns the conditions in the status.
func (p *ValidatingPolicy) GetConditions() []metav1.Condition { return p.Status.GetConditions() }

// SetConditions replaces the conditions in the status.
func (p *ValidatingPolicy) SetConditions(c []metav1.Condition) { p.Status.SetConditions(c) }

// SetObservedGeneration does nothing: the conditions say which generation they
// speak of.
func (p *ValidatingPolicy) SetObservedGeneration(int64) {}

// GetConditions returns the conditions in the status.
func (p *NamespacedValidatingPolicy) GetConditions() []metav1.Condition {
	return p.Status.GetConditions()
}

// SetConditions replaces the conditions in the status.
func (p *NamespacedValidatingPolicy) SetConditions(c []metav1.Condition) { p.Status.SetConditions(c) }

// SetObservedGeneration does nothing, as for a ValidatingPolicy.
func (p *NamespacedValidatingPolicy) SetObservedGeneration(int64) {}

// GetConditions returns the conditions in the status.
func (p *MutatingPolicy) GetConditions() []metav1.Condition { return p.Status.GetConditions() }

// SetConditions replaces the conditions in the status.
func (p *MutatingPolicy) SetConditions(c []metav1.Condition) { p.Status.SetConditions(c) }

// SetObservedGeneration does nothing, as for a ValidatingPolicy.
func (p *MutatingPolicy) SetObservedGeneration(int64) {}

// GetConditions returns the conditions in the status.
func (p *NamespacedMutatingPolicy) GetConditions() []metav1.Condition {
	return p.Status.GetConditions()
}

// SetConditions replaces the conditions in the status.
func (p *NamespacedMutatingPolicy) SetConditions(c []metav1.Condition) { p.Status.SetConditions(c) }

// SetObservedGeneration does nothing, as for a ValidatingPolicy.
func (p *NamespacedMutatingPolicy) SetObservedGeneration(int64) {}

// GetConditions returns the conditions in the status.
func (p *ImageValidatingPolicy) GetConditions() []metav1.Condition { return p.Status.GetConditions() }

// SetConditions replaces the conditions in the status.
func (p *ImageValidatingPolicy) SetConditions(c []metav1.Condition) { p.Status.SetConditions(c) }

// SetObservedGeneration does nothing: the conditions say which generation they
// speak of.
func (p *ImageValidatingPolicy) SetObservedGeneration(int64) {}

// GetConditions returns the conditions in the status.
func (p *NamespacedImageValidatingPolicy) GetConditions() []metav1.Condition {
	return p.Status.GetConditions()
}

// SetConditions replaces the conditions in the status.
func (p *NamespacedImageValidatingPolicy) SetConditions(c []metav1.Condition) {
	p.Status.SetConditions(c)
}

// SetObservedGeneration does nothing: the conditions say which generation they
// speak of.
func (p *NamespacedImageValidatingPolicy) SetObservedGeneration(int64) {}
