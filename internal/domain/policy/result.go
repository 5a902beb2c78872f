package policy

import "strings"

// Status is how a rule judged a request, in the words of policy reports.
type Status string

// The statuses.
const (
	// Pass: the rule matched and is content.
	Pass Status = "pass"
	// Fail: the rule matched and is not.
	Fail Status = "fail"
	// Warn: the rule is not content, but its format says that this scores as a
	// warning whatever the tier.
	Warn Status = "warn"
	// Error: the rule could not be evaluated.
	Error Status = "error"
	// Skip: preconditions were not met, or an override waives the rule.
	Skip Status = "skip"
)

// Lane is where a verdict is reached at admission.
type Lane string

// The lanes.
const (
	// Native verdicts are the API server's own.
	Native Lane = "native"
	// Engine verdicts need a lookup or an image: CEL behind a webhook.
	Engine Lane = "engine"
	// Legacy verdicts come from the interpreter of kyverno.io/v1 policies.
	Legacy Lane = "legacy"
)

// Result is what one rule of one policy says of one request.
type Result struct {
	// Policy is the policy's name, "namespace/name" where it has a namespace.
	Policy string `json:"policy"`
	// Kind is the policy's kind, such as ValidatingPolicy.
	Kind string `json:"kind"`
	// Rule is the rule's name. Kinds without named rules have "validations[2]".
	Rule   string `json:"rule"`
	Tier   Tier   `json:"tier"`
	Lane   Lane   `json:"lane"`
	Status Status `json:"status"`
	// Message is for the person who sent the request.
	Message string `json:"message,omitempty"`
	// Field is the path in the object that the rule found wrong, if it says so:
	// "/spec/containers/0/image/".
	Field string `json:"field,omitempty"`
	// Override names the PolicyOverride that turned a failure into a skip; several,
	// with commas between them, where it took them together.
	Override string `json:"override,omitempty"`
	// Severity and Category are copied from the policy.
	Severity string `json:"severity,omitempty"`
	Category string `json:"category,omitempty"`
	// AuditAnnotations are what the policy adds to the audit event.
	AuditAnnotations map[string]string `json:"auditAnnotations,omitempty"`
}

// Refuses tells whether the result alone refuses a request.
func (r Result) Refuses() bool {
	return r.Tier.Blocks() && (r.Status == Fail || r.Status == Error)
}

// Overrides are the overrides that turned a failure into a skip.
func (r Result) Overrides() []string {
	if r.Override == "" {
		return nil
	}
	return strings.Split(r.Override, ",")
}

// Warns tells whether the result lets the request pass with a warning.
func (r Result) Warns() bool {
	return r.Status == Warn || !r.Tier.Blocks() && (r.Status == Fail || r.Status == Error)
}
