package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Homes are two namespaces that differ in the policies for them.
type Homes struct {
	// Plain has none of them.
	Plain string
	// Bound has the policy that is compared, and no other.
	Bound string
}

// Outcome is what became of an object at the server, and how the engine differs.
type Outcome struct {
	// Refusal is the server's; empty if it accepted the object.
	Refusal string
	// Changed tells that the engine changed the object.
	Changed bool
	// Difference is empty if the engine says the same.
	Difference string
}

// Compare creates an object, without storing it, on the server that has the
// policy, and judges it by the engine as the server sees it before policies.
// The object must be acceptable but for the policy, and must not have what the
// server makes up, such as the volume of a token.
func (s Server) Compare(ctx context.Context, evaluator policy.Evaluator, homes Homes, resource string, object map[string]any) (Outcome, error) {
	untouched, err := s.Create(ctx, homes.Plain, object)
	if err != nil {
		return Outcome{}, err
	}
	want, err := s.Create(ctx, homes.Bound, object)
	if err != nil {
		return Outcome{}, err
	}
	request, err := s.Request(ctx, homes.Bound, untouched.Object, resource)
	if err != nil {
		return Outcome{}, err
	}
	outcome := Outcome{Refusal: want.Refusal}
	decision := policy.NewSet([]policy.Evaluator{evaluator}, nil).Decide(ctx, request, s.World)
	outcome.Changed = decision.Object != nil
	if got := refusal(decision); got != strings.TrimSpace(want.Refusal) {
		outcome.Difference = fmt.Sprintf("engine refuses: %q\nserver refuses: %q", got, want.Refusal)
		return outcome, nil
	}
	if want.Refusal == "" && decision.Object != nil {
		outcome.Difference, err = s.difference(ctx, homes.Plain, want.Object, decision.Object)
	} else if want.Refusal == "" {
		outcome.Difference = cmp.Diff(Comparable(want.Object), Comparable(untouched.Object))
	}
	return outcome, err
}

// difference has the server fill its defaults into what the engine changed, as it
// does after its own mutations, and compares.
func (s Server) difference(ctx context.Context, plain string, want, changed map[string]any) (string, error) {
	defaulted, err := s.Create(ctx, plain, changed)
	if err != nil {
		return "", err
	}
	return cmp.Diff(Comparable(want), Comparable(defaulted.Object)), nil
}

// refusal is the message of the first result that refuses.
func refusal(decision policy.Decision) string {
	if i := slices.IndexFunc(decision.Results, policy.Result.Refuses); i >= 0 {
		return strings.TrimSpace(decision.Results[i].Message)
	}
	return ""
}
