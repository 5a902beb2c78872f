// Package migrate rewrites kyverno.io/v1 policies as the CEL kinds
// (policies.kyverno.io/v1); package proof proves that both say the same.
//
// Each rule becomes a policy of its own, because each has its own match. What
// cannot be said in CEL, or what this package does not know how to say, is left
// with a reason and its place in the rule; nothing is dropped or weakened silently.
//
// An old rule judges more than what is created. Unless it says otherwise, it lets
// an update pass that fails as the object before would have failed if it were
// created: the new policy asks the same of oldObject, by variables. Conditions
// judge deletions as well. Whoever changes labels escapes neither form.
package migrate
