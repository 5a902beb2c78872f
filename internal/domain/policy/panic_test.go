package policy

import (
	"context"
	"strings"
	"testing"
)

// faulty is a policy with a mistake.
type faulty struct{}

func (faulty) Info() Info { return Info{Name: "faulty", Tier: Mandatory, Background: true} }

func (faulty) Validate(context.Context, *Request, World) []Result { panic("a nil map") }

// TestPanicIsAnErrorOfOnePolicy, at admission and in scans.
func TestPanicIsAnErrorOfOnePolicy(t *testing.T) {
	t.Parallel()
	set := NewSet([]Evaluator{faulty{}, narrowed{}}, nil)
	for who, judge := range map[string]func(context.Context, *Request, World) []Result{"admission": set.Validate, "a scan": set.Background} {
		results := judge(t.Context(), &Request{}, World{})
		if len(results) != 2 || results[0].Policy != "faulty" || results[0].Status != Error || !strings.Contains(results[0].Message, "a nil map") || results[1].Status != Fail {
			t.Errorf("%s says %+v, want an error of one and a failure of the other", who, results)
		}
	}
}
