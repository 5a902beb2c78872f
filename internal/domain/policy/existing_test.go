package policy

import (
	"context"
	"testing"
	"time"
)

// narrowed skips where an override takes controls out of its rule.
type narrowed struct{}

func (narrowed) Info() Info { return Info{Name: "p", Tier: Default, Background: true} }

func (n narrowed) Validate(_ context.Context, r *Request, w World) []Result {
	if w.Narrow != nil && len(w.Narrow(n.Info(), "r", r, w)) > 0 {
		return []Result{{Policy: "p", Rule: "r", Tier: Default, Status: Skip}}
	}
	return []Result{{Policy: "p", Rule: "r", Tier: Default, Status: Fail}}
}

// narrowing takes controls out of every rule.
type narrowing struct{}

func (narrowing) Waives(Info, string, *Request, time.Time) string { return "" }

func (narrowing) Narrows(Info, string, *Request, time.Time) []Narrowing {
	return []Narrowing{{Name: "o", Override: true}}
}

// TestNarrowed: overrides of single controls count in scans as in admission.
func TestNarrowed(t *testing.T) {
	t.Parallel()
	set := NewSet([]Evaluator{narrowed{}}, narrowing{})
	for who, results := range map[string][]Result{
		"admission": set.Validate(t.Context(), &Request{}, World{}), "a scan": set.Background(t.Context(), &Request{}, World{}),
	} {
		if len(results) != 1 || results[0].Status != Skip {
			t.Errorf("%s says %+v, want a skip", who, results)
		}
	}
}
