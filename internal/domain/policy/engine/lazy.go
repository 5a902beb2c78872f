package engine

import "sync"

// lazily compiles a policy now, for its faults, and keeps the outcome only if it
// is wanted for sure. A policy that was rewritten for workload kinds is compiled
// again when an object of one of them comes first: most never do, and a plan
// holds a table of all functions.
func lazily[T any](wanted bool, compile func() (T, FaultsError)) (func() T, FaultsError) {
	compiled, faults := compile()
	if wanted {
		return func() T { return compiled }, faults
	}
	return sync.OnceValue(func() T {
		again, _ := compile()
		return again
	}), faults
}
