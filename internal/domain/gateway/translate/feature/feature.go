// Package feature says which of Gateway API's features the gateway has.
package feature

import (
	"slices"

	"sigs.k8s.io/gateway-api/pkg/features"
)

// unsupported are the extended features that this gateway does not have.
var unsupported = map[features.FeatureName]string{
	features.SupportGatewayInfrastructure: "Gateways make no objects in the cluster that could carry labels",
}

// Names are the names of what the gateway supports, sorted, as a GatewayClass
// lists them.
func Names() []features.FeatureName {
	var names []features.FeatureName
	for _, set := range [][]features.Feature{
		features.GatewayCoreFeatures.UnsortedList(), features.GatewayExtendedFeatures.UnsortedList(),
		features.HTTPRouteCoreFeatures.UnsortedList(), features.HTTPRouteExtendedFeatures.UnsortedList(),
		features.GRPCRouteCoreFeatures.UnsortedList(), features.GRPCRouteExtendedFeatures.UnsortedList(),
		features.ReferenceGrantCoreFeatures.UnsortedList(),
		features.BackendTLSPolicyCoreFeatures.UnsortedList(), features.BackendTLSPolicyExtendedFeatures.UnsortedList(),
	} {
		for _, each := range set {
			if _, without := unsupported[each.Name]; !without {
				names = append(names, each.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
