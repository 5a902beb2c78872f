package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names the API group and version of the capability kinds.
var GroupVersion = schema.GroupVersion{Group: "capability.roadbed.dev", Version: "v1alpha1"}

// AddToScheme registers the capability kinds with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Capability{}, &CapabilityList{},
		&CapabilityRevision{}, &CapabilityRevisionList{},
		&FeatureFlag{}, &FeatureFlagList{},
		&ClaimApproval{}, &ClaimApprovalList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
