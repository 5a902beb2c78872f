package load

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	kyvernov2 "github.com/roadbed-dev/roadbed/api/kyverno/v2"
	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
)

// The groups of kinds that are read here.
const (
	groupCEL     = "policies.kyverno.io"
	groupLegacy  = "kyverno.io"
	groupNative  = admissionregistrationv1.GroupName
	groupRoadbed = "policy.roadbed.dev"
)

// known is a kind that becomes a type.
type known struct {
	// versions that are read; the first is that of the type.
	versions []string
	empty    func() client.Object
}

// knownKinds are the kinds that become types.
func knownKinds() map[schema.GroupKind]known {
	cel, native := []string{"v1", "v1beta1", "v1alpha1"}, []string{"v1", "v1beta1", "v1alpha1"}
	legacy := []string{"v1", "v2beta1"}
	return map[schema.GroupKind]known{
		{Group: groupCEL, Kind: "ValidatingPolicy"}:                {cel, empty[policiesv1.ValidatingPolicy]},
		{Group: groupCEL, Kind: "NamespacedValidatingPolicy"}:      {cel, empty[policiesv1.NamespacedValidatingPolicy]},
		{Group: groupCEL, Kind: "MutatingPolicy"}:                  {cel, empty[policiesv1.MutatingPolicy]},
		{Group: groupCEL, Kind: "NamespacedMutatingPolicy"}:        {cel, empty[policiesv1.NamespacedMutatingPolicy]},
		{Group: groupCEL, Kind: "ImageValidatingPolicy"}:           {cel, empty[policiesv1.ImageValidatingPolicy]},
		{Group: groupCEL, Kind: "NamespacedImageValidatingPolicy"}: {cel, empty[policiesv1.NamespacedImageValidatingPolicy]},
		{Group: groupCEL, Kind: "PolicyException"}:                 {cel, empty[policiesv1.PolicyException]},

		{Group: groupLegacy, Kind: "ClusterPolicy"}:   {legacy, empty[kyvernov1.ClusterPolicy]},
		{Group: groupLegacy, Kind: "Policy"}:          {legacy, empty[kyvernov1.Policy]},
		{Group: groupLegacy, Kind: "PolicyException"}: {[]string{"v2", "v2beta1", "v2alpha1"}, empty[kyvernov2.PolicyException]},

		{Group: groupNative, Kind: "ValidatingAdmissionPolicy"}:        {native, empty[admissionregistrationv1.ValidatingAdmissionPolicy]},
		{Group: groupNative, Kind: "ValidatingAdmissionPolicyBinding"}: {native, empty[admissionregistrationv1.ValidatingAdmissionPolicyBinding]},
		{Group: groupNative, Kind: "MutatingAdmissionPolicy"}:          {native, empty[admissionregistrationv1.MutatingAdmissionPolicy]},
		{Group: groupNative, Kind: "MutatingAdmissionPolicyBinding"}:   {native, empty[admissionregistrationv1.MutatingAdmissionPolicyBinding]},

		{Group: groupRoadbed, Kind: "PolicyOverride"}: {[]string{"v1alpha1"}, empty[policyv1.PolicyOverride]},
	}
}

// empty makes a new object of a type.
func empty[T any, P interface {
	*T
	client.Object
}]() client.Object {
	return P(new(T))
}

// unsupportedKinds are kinds of policies that Roadbed knows of and does not
// evaluate, with the reason.
func unsupportedKinds() map[schema.GroupKind]string {
	const (
		generates = "Roadbed does not generate objects; tenants get theirs from tiers and units"
		deletes   = "Roadbed does not delete objects by schedule"
	)
	return map[schema.GroupKind]string{
		{Group: groupCEL, Kind: "GeneratingPolicy"}:           generates,
		{Group: groupCEL, Kind: "NamespacedGeneratingPolicy"}: generates,
		{Group: groupCEL, Kind: "DeletingPolicy"}:             deletes,
		{Group: groupCEL, Kind: "NamespacedDeletingPolicy"}:   deletes,
		{Group: groupLegacy, Kind: "CleanupPolicy"}:           deletes,
		{Group: groupLegacy, Kind: "ClusterCleanupPolicy"}:    deletes,
		{Group: groupLegacy, Kind: "GlobalContextEntry"}:      "Roadbed fills no global context by itself; in tests, give the entry's data as a value",
		{Group: groupRoadbed, Kind: "OverrideLedger"}:         "only Roadbed writes the ledger; write a PolicyOverride",
	}
}

// ofPolicies tells whether a group has no other kinds than those of policies and
// what belongs to them: another kind there is a slip of the pen.
func ofPolicies(group string) bool { return group == groupCEL || group == groupLegacy }

// kindsOf are the kinds of a group that are read, sorted.
func kindsOf(group string) []string {
	var kinds []string
	for kind := range knownKinds() {
		if kind.Group == group {
			kinds = append(kinds, kind.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// IsPolicyKind tells whether a kind is one that this package reads or reports.
func IsPolicyKind(apiVersion, kind string) bool {
	gk := groupKind(apiVersion, kind)
	_, read := knownKinds()[gk]
	_, reported := unsupportedKinds()[gk]
	return read || reported
}

func groupKind(apiVersion, kind string) schema.GroupKind {
	group, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		group = ""
	}
	return schema.GroupKind{Group: group, Kind: kind}
}

func (k known) reads(version string) bool { return slices.Contains(k.versions, version) }
