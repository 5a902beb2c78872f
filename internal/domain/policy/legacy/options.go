package legacy

import (
	"math/rand/v2"
	"net/netip"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/difference"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
)

// Options are what compiling a policy may need besides the policy. The zero
// value is useful, but for rules with CEL.
type Options struct {
	// CEL compiles the CEL of a rule, which is handed over as the policy and the
	// binding that mean the same. Without it rules with CEL do not compile.
	CEL func(*admissionregistrationv1.ValidatingAdmissionPolicy, []*admissionregistrationv1.ValidatingAdmissionPolicyBinding) (policy.Evaluator, error)
	// Random returns a number from 0 up to, not including, n, for the function
	// random. It needs no cryptographic quality.
	Random func(n int) int
	// Resolve returns the addresses of a host name; without it the functions that
	// ask for them fail.
	Resolve func(host string) ([]netip.Addr, error)
	// DefaultRegistry stands for an image's registry where it names none;
	// docker.io unless it is set.
	DefaultRegistry string
}

// env is what expressions may use in one decision.
func (o Options) env(w policy.World) jmespath.Env {
	random := o.Random
	if random == nil {
		random = rand.IntN
	}
	return jmespath.Env{Now: w.Now, Random: random, Resolve: o.Resolve, DefaultRegistry: o.DefaultRegistry}
}

// Fault is what is wrong with one field of a policy, or what Roadbed does not do.
type Fault = draft.Fault

// FaultsError is all that is wrong with a policy: the error of Compile.
type FaultsError = draft.FaultsError

// Difference is one place where policies do here what their authors wrote rather
// than what Kyverno 1.19 does.
type Difference = difference.Difference

// Differences are all of them.
func Differences() []Difference { return difference.All() }
