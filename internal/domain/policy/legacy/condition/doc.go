// Package condition compares keys and values as the preconditions and deny rules
// of kyverno.io/v1 policies do.
//
// Variables on both sides are filled in when a condition is looked at. A
// comparison that makes no sense, such as an object with a number, does not
// hold, but for NotEquals; null is neither equal to anything nor unequal.
// Everything is pure, and no input makes it panic.
package condition
