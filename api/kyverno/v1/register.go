package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names the API group and version of Kyverno's legacy kinds.
var GroupVersion = schema.GroupVersion{Group: "kyverno.io", Version: "v1"}

// AddToScheme registers Kyverno's legacy kinds with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ClusterPolicy{}, &ClusterPolicyList{},
		&Policy{}, &PolicyList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
