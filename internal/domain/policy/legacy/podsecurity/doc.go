// Package podsecurity judges Pods, and the workloads that create Pods, by a Pod
// Security Standard, as the podSecurity rules of kyverno.io/v1 do, with the API
// server's own checks.
//
// A rule may exclude a control, for the containers of some images, or one field
// of it with some values. What is excluded is made compliant in a copy of the
// Pod before the control's checks see it: a control is never weaker than its
// exclusions say. Deciding is pure and safe for concurrent use.
package podsecurity
