package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names the API group and version of Roadbed's policy kinds.
var GroupVersion = schema.GroupVersion{Group: "policy.roadbed.dev", Version: "v1alpha1"}

// AddToScheme registers the policy kinds with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&PolicyOverride{}, &PolicyOverrideList{},
		&OverrideLedger{}, &OverrideLedgerList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
