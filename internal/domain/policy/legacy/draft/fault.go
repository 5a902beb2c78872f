package draft

import (
	"slices"
	"strings"
)

// Fault is what is wrong with one field of a policy, or what Roadbed does not do.
type Fault struct {
	// Rule is the rule's name.
	Rule string
	// Field is the path in the policy, such as spec.rules[0].validate.pattern.
	Field string
	// Message says what is wrong.
	Message string
	// Unsupported tells that the policy is well formed but asks for something
	// that Roadbed does not do.
	Unsupported bool
}

// String is "field: message".
func (f Fault) String() string { return f.Field + ": " + f.Message }

// FaultsError is all that is wrong with a policy.
type FaultsError []Fault

// Error has one line for each fault.
func (f FaultsError) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// Wrong are the faults that keep the policy from being in force.
func (f FaultsError) Wrong() FaultsError {
	return slices.DeleteFunc(slices.Clone(f), func(f Fault) bool { return f.Unsupported })
}

// Unsupported are the faults that name what Roadbed does not do.
func (f FaultsError) Unsupported() FaultsError {
	return slices.DeleteFunc(slices.Clone(f), func(f Fault) bool { return !f.Unsupported })
}
