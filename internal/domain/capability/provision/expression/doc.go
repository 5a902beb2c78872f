// Package expression is how templates and charts say what depends on the claim:
// CEL in ${...}, within manifests that are otherwise plain JSON.
//
// A string that is one expression and nothing else becomes its value, of
// whatever type; an optional value that is absent leaves the field out. In any
// other string an expression becomes text, and must be a string, a number or a
// boolean. "$${" stands for "${".
//
// Expressions are checked against the schema of the claim when they are
// compiled, and every fault names the field that it is in. What an expression
// may cost is bounded, each by itself as the API server does, and all of one
// rendering together by a Budget.
//
// Packages template and helm use it. Everything here is immutable once made,
// but for Budgets, which belong to one rendering.
package expression
