package native

import (
	"fmt"
	"strings"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/autogen"
)

// variant is a policy's spec as written, or as autogen writes it for workload
// kinds.
type variant[S any] struct {
	// prefix begins the names of rules; empty for the original.
	prefix string
	spec   S
}

// suffix ends the names of the variant's objects.
func (v variant[S]) suffix() string {
	if v.prefix == "" {
		return ""
	}
	return "-" + strings.TrimSuffix(v.prefix, "-")
}

// rule names a validation or mutation in results and overrides.
func (v variant[S]) rule(list string, i int) string {
	return fmt.Sprintf("%s%s[%d]", v.prefix, list, i)
}

func validatingVariants(p *policiesv1.ValidatingPolicy) []variant[policiesv1.ValidatingPolicySpec] {
	return with(p.Spec, autogen.Validating(p))
}

func mutatingVariants(p *policiesv1.MutatingPolicy) []variant[policiesv1.MutatingPolicySpec] {
	return with(p.Spec, autogen.Mutating(p))
}

// with puts the original before what was generated from it.
func with[S any](original S, generated []autogen.Variant[S]) []variant[S] {
	all := []variant[S]{{spec: original}}
	for _, g := range generated {
		all = append(all, variant[S]{prefix: g.Prefix, spec: g.Spec})
	}
	return all
}
