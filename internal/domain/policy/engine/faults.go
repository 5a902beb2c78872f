package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/request"
)

// Fault is what is wrong with one field of a policy.
type Fault struct {
	// Field is the path in the policy, such as spec.validations[1].expression.
	Field string
	// Line and Column are the place inside the expression, both from 1; zero
	// when the field as a whole is wrong.
	Line, Column int
	// Message says what is wrong.
	Message string
	// Unsupported tells that the policy is well formed but asks for something
	// that Roadbed does not do.
	Unsupported bool
}

// String is "field, line 1, column 4: message".
func (f Fault) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.Field, f.Message)
	}
	return fmt.Sprintf("%s, line %d, column %d: %s", f.Field, f.Line, f.Column, f.Message)
}

// FaultsError is all that is wrong with a policy, in the order of its fields. It is
// the error that the Compile functions return.
type FaultsError []Fault

// Error has one line for each fault.
func (f FaultsError) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// constrain parses match resources; faults name the field below path.
func constrain(path string, resources *admissionregistrationv1.MatchResources) (*request.Constraints, FaultsError) {
	made, wrong := request.NewConstraints(resources)
	var faults FaultsError
	for _, field := range slices.Sorted(maps.Keys(wrong)) {
		faults = append(faults, Fault{Field: path + "." + field, Message: wrong[field].Error()})
	}
	return made, faults
}

// faultsOf gives one fault for each issue that CEL found in a field.
func faultsOf(field string, issues *cel.Issues) FaultsError {
	var faults FaultsError
	for _, issue := range issues.Errors() {
		faults = append(faults, Fault{
			Field: field, Line: issue.Location.Line(), Column: issue.Location.Column() + 1,
			Message: issue.Message,
		})
	}
	return faults
}
