package native

import (
	"fmt"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
)

// validatingVariant is a policy as written, or as autogen writes it for
// workload kinds.
type validatingVariant struct {
	// suffix ends the names of objects, prefix begins those of rules.
	suffix, prefix string
	spec           policiesv1.ValidatingPolicySpec
}

// rule is the name of the validation in results and overrides.
func (v validatingVariant) rule(i int) string { return fmt.Sprintf("%svalidations[%d]", v.prefix, i) }

// mutatingVariant is the same for mutations.
type mutatingVariant struct {
	suffix, prefix string
	spec           policiesv1.MutatingPolicySpec
}

func (v mutatingVariant) rule(i int) string { return fmt.Sprintf("%smutations[%d]", v.prefix, i) }

func validatingVariants(spec *policiesv1.ValidatingPolicySpec) ([]validatingVariant, error) {
	return []validatingVariant{{spec: *spec}}, nil
}

func mutatingVariants(spec *policiesv1.MutatingPolicySpec) ([]mutatingVariant, error) {
	return []mutatingVariant{{spec: *spec}}, nil
}
