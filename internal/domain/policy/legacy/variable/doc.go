// Package variable fills in the variables of kyverno.io/v1 rules: {{ expression }}
// and $(reference) in any string or key of a JSON tree.
//
// A Template is a tree that was parsed once: its expressions are compiled, its
// references followed and its names checked, so that a mistake is an error when
// the policy is loaded and names the place. Resolve fills it in from a Context:
// layers of named values, the newest first, some of which are loaded when an
// expression first names them.
//
//   - A string that is one variable and nothing else becomes the variable's
//     value, of whatever type. Within other text, what is no string is JSON.
//   - {{ a.{{ b }} }}: an inner variable is filled in first and becomes part of
//     the outer expression.
//   - \{{ and \$( stand for themselves without the backslash.
//   - {{@}} is the value at the same place in the object: the target of a
//     mutation if there is one, the request's object otherwise.
//   - $(./../key) is the value at another place of the tree, relative to the
//     string's own, or $(/from/the/root); $(<=./../key) puts the operator before.
//   - What a variable yields is data: variables in it are not filled in again.
//
// Templates and contexts are immutable and safe for concurrent use. Results may
// share parts with both and must not be changed. No input makes it panic.
package variable
