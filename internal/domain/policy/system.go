package policy

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// IncludeSystemLabel with the value "true" lets a policy concern the system's
// namespaces, which are exempt otherwise: a policy that stops Kubernetes or
// Roadbed could not be repaired through them.
const IncludeSystemLabel = "policy.roadbed.dev/include-system"

// namespaceNameLabel is set by the API server on every namespace.
const namespaceNameLabel = "kubernetes.io/metadata.name"

// SystemNamespaces are the namespaces that policies leave alone, sorted.
func SystemNamespaces() []string { return []string{"kube-system", identity.SystemNamespace} }

// IncludesSystem tells whether a policy with these labels concerns the system's
// namespaces too.
func IncludesSystem(labels map[string]string) bool { return labels[IncludeSystemLabel] == "true" }

// Exempt tells whether a request is none of the business of a policy with these
// labels, because it is about a system namespace or something in one.
func Exempt(labels map[string]string, r *Request) bool {
	return r.Namespace != "" && slices.Contains(SystemNamespaces(), r.Namespace) && !IncludesSystem(labels)
}

// SystemSelector is Exempt's rule as a namespace selector for policies that the
// API server evaluates. It is empty for a policy that includes the system.
func SystemSelector(labels map[string]string) *metav1.LabelSelector {
	if IncludesSystem(labels) {
		return &metav1.LabelSelector{}
	}
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: namespaceNameLabel, Operator: metav1.LabelSelectorOpNotIn, Values: SystemNamespaces(),
	}}}
}
