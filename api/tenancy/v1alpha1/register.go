package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names the API group and version of the tenancy kinds.
var GroupVersion = schema.GroupVersion{Group: "tenancy.roadbed.dev", Version: "v1alpha1"}

// AddToScheme registers the tenancy kinds with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&BusinessUnit{}, &BusinessUnitList{},
		&Tier{}, &TierList{},
		&Tenant{}, &TenantList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
