// Package difference lists where Roadbed understands kyverno.io/v1 policies as
// their authors wrote them, and Kyverno 1.19 otherwise. The page of the
// documentation is made of it. It is constant.
package difference

import "github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/mutate"

// Difference is one place where policies do here what their authors wrote rather
// than what Kyverno 1.19 does.
type Difference = mutate.Difference

// All are the differences, those of overlays first.
func All() []Difference {
	return append(mutate.Differences(), []Difference{
		{
			Name:    "foreach-errors",
			Kyverno: "an element that cannot be evaluated is passed over unless it is the last of its list",
			Roadbed: "the other elements are judged, and without a failure among them the rule is an error",
		},
		{
			Name:    "quantity-and-text",
			Kyverno: "a key that reads as a quantity neither equals nor differs from a text that does not",
			Roadbed: "they are compared as texts",
		},
		{
			Name:    "images-in-scans",
			Kyverno: "a scan trusts an annotation that says which images were verified at admission",
			Roadbed: "images are verified whenever they are judged, with answers kept for a while",
		},
		{
			Name:    "system-namespaces",
			Kyverno: "a list in Kyverno's configuration takes namespaces out of all policies",
			Roadbed: "kube-system and Roadbed's own namespace are left alone unless a label of the policy includes them",
		},
		{
			Name:    "exceptions-of-controls",
			Kyverno: "an exception with podSecurity takes objects out of the other rules that it names as a whole",
			Roadbed: "it takes controls out of podSecurity rules, and nothing out of others",
		},
		{
			Name:    "subresources",
			Kyverno: "a kind without a subresource is also matched by requests for subresources that reach Kyverno for other policies",
			Roadbed: "it is matched by the object itself and by ephemeral containers",
		},
		{
			Name:    "variables-of-other-rules",
			Kyverno: "a variable that only rules of another type have, such as image outside of verifyImages, passes the check of the policy and is an error for every object",
			Roadbed: "the policy is refused, with the field",
		},
		{
			Name:    "kinds-not-served",
			Kyverno: "a policy that names a kind that the cluster does not serve is accepted with a warning and is not ready",
			Roadbed: "it is accepted with a warning, its condition Compiled names the kind, and it is ready for its other kinds",
		},
		{
			Name:    "kinds-of-the-cluster",
			Kyverno: "a Policy that names a kind without namespaces is refused",
			Roadbed: "it is accepted with a warning, as NamespacedValidatingPolicy and its like are, and its condition Compiled names the kind; lint tells, too",
		},
		{
			Name:    "messages",
			Kyverno: "a warning is \"policy P.R: MESSAGE\"; a refusal begins \"resource KIND/NAMESPACE/NAME was blocked due to the following policies\"",
			Roadbed: "each line of both is \"policy P, rule R (TIER): MESSAGE\"",
		},
		{
			Name:    "webhook-timeouts",
			Kyverno: "timeoutSeconds of a policy says how long the API server waits",
			Roadbed: "it is checked and not used: the API server waits 10 seconds for policies about images that block, 5 for those that fail closed or ask a service, and 2 for all others",
		},
	}...)
}
