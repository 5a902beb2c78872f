package v2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names the API group and version of Kyverno's legacy exceptions.
var GroupVersion = schema.GroupVersion{Group: "kyverno.io", Version: "v2"}

// AddToScheme registers Kyverno's legacy exceptions with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &PolicyException{}, &PolicyExceptionList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
