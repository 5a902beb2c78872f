package export

import (
	"cmp"
	"fmt"
	"slices"
)

// Effect is what follows for requests when something cannot be enforced.
type Effect string

// The effects, from the gravest.
const (
	// Open lets requests pass that Roadbed's gateway refuses.
	Open Effect = "Open"
	// Closed refuses requests that Roadbed's gateway lets pass.
	Closed Effect = "Closed"
	// Missing changes what callers or operators are told, not who passes.
	Missing Effect = "Missing"
)

// rank orders effects from the gravest.
func (e Effect) rank() int { return slices.Index([]Effect{Open, Closed, Missing}, e) }

// Finding is something that the other gateway cannot enforce.
type Finding struct {
	// Object is such as "RateLimitPolicy platform-gateway/100rpm".
	Object string `json:"object"`
	// Field is the path in the object, empty for the object as a whole.
	Field string `json:"field,omitempty"`
	// Effect is what follows for requests.
	Effect Effect `json:"effect"`
	// Lost says what the other gateway does not do.
	Lost string `json:"lost"`
	// Do says what to do about it.
	Do string `json:"do"`
}

// String is the finding as one line.
func (f Finding) String() string {
	where := f.Object
	if f.Field != "" {
		where += " " + f.Field
	}
	return fmt.Sprintf("%s: %s: %s; %s", where, f.Effect, f.Lost, f.Do)
}

// sorted are the findings, the gravest first, each once.
func sorted(findings []Finding) []Finding {
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Effect.rank(), b.Effect.rank()), cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Field, b.Field), cmp.Compare(a.Lost, b.Lost), cmp.Compare(a.Do, b.Do))
	})
	return slices.Compact(findings)
}
