// Package condition compares keys and values as the preconditions and deny rules
// of kyverno.io/v1 policies do.
//
// Both sides have their variables substituted already. A comparison that makes
// no sense, such as an object with a number, does not hold, whatever the
// operator: so NotEquals is not always the opposite of Equals. Everything is
// pure, and no input makes it panic.
package condition
