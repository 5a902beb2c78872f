package tenancy

import (
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// validateModel checks that the tier allows the isolation model, that it
// exists, and that a tenant of a shared namespace asks for nothing that would
// change the namespace for the others in it.
func validateModel(t *v1alpha1.Tenant, tier *v1alpha1.Tier, line []*v1alpha1.BusinessUnit, settings Settings) field.ErrorList {
	model, path := Model(t, tier), spec.Child("model")
	announced := model == v1alpha1.ModelVirtualCluster || model == v1alpha1.ModelDedicatedCluster
	switch {
	case announced && slices.Contains(settings.Models, model):
		return one(problem(ReasonNotYetAvailable, path, model, "the model is announced but does not exist yet: choose among %s", names(available(tier))))
	case !slices.Contains(tier.Spec.Isolation.Allowed, model):
		return one(problem(ReasonModelNotAllowed, path, model, "tier %q does not allow this model: choose among %s", tier.Name, names(available(tier))))
	case announced:
		return one(problem(ReasonModelNotAllowed, path, model, "the model is behind a feature gate that is off: choose among %s", names(available(tier))))
	case model == v1alpha1.ModelSharedNamespace:
		return validateShared(t, line)
	default:
		return nil
	}
}

// available are the models that the tier allows and that exist.
func available(tier *v1alpha1.Tier) []string {
	var list []string
	for _, model := range tier.Spec.Isolation.Allowed {
		if model == v1alpha1.ModelNamespace || model == v1alpha1.ModelSharedNamespace {
			list = append(list, string(model))
		}
	}
	return list
}

func validateShared(t *v1alpha1.Tenant, line []*v1alpha1.BusinessUnit) field.ErrorList {
	var errs field.ErrorList
	refuse := func(set bool, path *field.Path) {
		if set {
			errs = append(errs, field.Forbidden(path, "a tenant of a shared namespace cannot change it for the others: remove it, or set spec.model to Namespace").
				WithOrigin(ReasonModelNotAllowed))
		}
	}
	network := t.Spec.Network
	refuse(len(t.Spec.Namespaces) > 0, spec.Child("namespaces"))
	refuse(len(network.IngressFrom) > 0, spec.Child("network", "ingressFrom"))
	refuse(len(network.EgressTo) > 0, spec.Child("network", "egressTo"))
	refuse(len(network.EgressCIDRs) > 0, spec.Child("network", "egressCIDRs"))
	refuse(len(t.Spec.StorageClasses) > 0, spec.Child("storageClasses"))
	refuse(len(t.Spec.Registries) > 0, spec.Child("registries"))
	if len(line) == 0 || len(line[0].Spec.Jurisdictions) == 0 {
		return errs
	}
	if home := line[0].Spec.Jurisdictions[0]; !slices.Equal(t.Spec.Jurisdictions, []string{home}) {
		errs = append(errs, problem(ReasonJurisdictionNotAllowed, spec.Child("jurisdictions"), strings.Join(t.Spec.Jurisdictions, ","),
			"the shared namespace of business unit %q keeps its data in %q: name it alone, or set spec.model to Namespace", line[0].Name, home))
	}
	return errs
}

func validatePeers(t *v1alpha1.Tenant) field.ErrorList {
	network := spec.Child("network")
	errs := validatePeerList(t, network.Child("ingressFrom"), t.Spec.Network.IngressFrom)
	return append(errs, validatePeerList(t, network.Child("egressTo"), t.Spec.Network.EgressTo)...)
}

func validatePeerList(t *v1alpha1.Tenant, path *field.Path, peers []v1alpha1.TenantPeer) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, peer := range peers {
		entry := path.Index(i).Child("tenant")
		switch {
		case peer.Tenant == t.Name:
			errs = append(errs, problem(ReasonInvalidPeer, entry, peer.Tenant, "is the tenant itself, whose namespaces reach each other anyway: remove it"))
		case strings.HasPrefix(peer.Tenant, "shared-"):
			errs = append(errs, problem(ReasonInvalidPeer, entry, peer.Tenant, "a shared namespace cannot be a peer: its tenants cannot be told apart on the network"))
		case seen[peer.Tenant]:
			errs = append(errs, problem(ReasonInvalidPeer, entry, peer.Tenant, "is listed twice: put all ports into one entry"))
		}
		seen[peer.Tenant] = true
	}
	return errs
}

// widest is the shortest prefix that a strictness allows, by address family.
var widest = map[v1alpha1.NetworkStrictness]struct{ v4, v6 int }{
	v1alpha1.NetworkStrict:   {24, 64},
	v1alpha1.NetworkStandard: {8, 32},
	v1alpha1.NetworkRelaxed:  {0, 0},
}

func validateEgress(t *v1alpha1.Tenant, tier *v1alpha1.Tier, settings Settings) field.ErrorList {
	strictness := tier.Spec.Network.Strictness
	bound, ok := widest[strictness]
	if !ok {
		strictness, bound = v1alpha1.NetworkStrict, widest[v1alpha1.NetworkStrict]
	}
	var errs field.ErrorList
	for i, peer := range t.Spec.Network.EgressCIDRs {
		path := spec.Child("network", "egressCIDRs").Index(i).Child("cidr")
		prefix, err := netip.ParsePrefix(peer.CIDR)
		if err != nil {
			errs = append(errs, problem(ReasonInvalidPeer, path, peer.CIDR, "must be an address range such as 203.0.113.0/24"))
			continue
		}
		most := bound.v6
		if prefix.Addr().Is4() {
			most = bound.v4
		}
		switch closed := closedAround(prefix, settings); {
		case closed != "":
			errs = append(errs, problem(ReasonInvalidPeer, path, peer.CIDR, "lies within %s, which is closed to tenants: name a tenant in egressTo, or a range outside", closed))
		case prefix.Bits() < most:
			errs = append(errs, problem(ReasonEgressTooWide, path, peer.CIDR,
				"tier %q is %s and allows no range wider than /%d: name narrower ranges", tier.Name, strictness, most))
		}
	}
	return errs
}

// closedAround is the closed range that contains all of prefix, or "".
func closedAround(prefix netip.Prefix, settings Settings) string {
	for _, closed := range closedRanges(settings) {
		outer, err := netip.ParsePrefix(closed)
		if err == nil && outer.Bits() <= prefix.Bits() && outer.Overlaps(prefix) {
			return closed
		}
	}
	return ""
}
