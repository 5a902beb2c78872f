// Package condition compares keys and values as the preconditions and deny rules
// of kyverno.io/v1 policies do.
//
// Variables on both sides are filled in before anything is compared. A comparison that makes
// no sense, such as an object with a number, does not hold, whatever the
// operator: so NotEquals is not always the opposite of Equals. Everything is
// pure, and no input makes it panic.
package condition
