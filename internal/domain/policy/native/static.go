package native

import (
	"bytes"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// staticSuffix ends the name of every policy and binding that the API server
// loads from files; it refuses other names there, and these names everywhere else.
const staticSuffix = ".static.k8s.io"

// Static renders objects as one file for the directory that staticManifestsDir
// names in the configuration of the API server's ValidatingAdmissionPolicy
// plugin (feature gate ManifestBasedAdmissionControlConfig, on from Kubernetes
// 1.37). No request changes what is in a file, so it holds against cluster
// admins too.
//
// Nothing waives what is in a file: a policy that may be waived is refused, and so
// is a mutating one, for which the API server has another directory.
func Static(objects Objects) ([]byte, error) {
	documents := make([][]byte, 0, len(objects))
	for _, object := range objects {
		renamed, err := static(object)
		if err != nil {
			return nil, err
		}
		document, err := Manifest(renamed)
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return bytes.Join(documents, []byte("---\n")), nil
}

func static(object client.Object) (client.Object, error) {
	switch o := object.(type) {
	case *admissionv1.ValidatingAdmissionPolicy:
		if o.Annotations[WaivableAnnotation] != "" {
			return nil, fmt.Errorf("policy %q may be waived, and no override changes a file: only Mandatory policies can be files", o.Annotations[PolicyAnnotation])
		}
		o = o.DeepCopy()
		o.Name += staticSuffix
		return o, nil
	case *admissionv1.ValidatingAdmissionPolicyBinding:
		o = o.DeepCopy()
		o.Name += staticSuffix
		o.Spec.PolicyName += staticSuffix
		return o, nil
	}
	return nil, fmt.Errorf("%T %q changes objects, and the API server reads no such files from this directory", object, object.GetName())
}

// Manifest renders a native object as YAML, with its kind.
func Manifest(object client.Object) ([]byte, error) {
	named := object.DeepCopyObject().(client.Object)
	kind, err := kindOf(named)
	if err != nil {
		return nil, err
	}
	named.GetObjectKind().SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind(kind))
	rendered, err := yaml.Marshal(named)
	if err != nil {
		return nil, fmt.Errorf("render %s %q: %w", kind, named.GetName(), err)
	}
	return withoutStatus(rendered), nil
}

// withoutStatus drops the empty status that Go's types always write.
func withoutStatus(document []byte) []byte {
	return bytes.TrimSuffix(document, []byte("status: {}\n"))
}

func kindOf(object client.Object) (string, error) {
	switch object.(type) {
	case *admissionv1.ValidatingAdmissionPolicy:
		return "ValidatingAdmissionPolicy", nil
	case *admissionv1.ValidatingAdmissionPolicyBinding:
		return "ValidatingAdmissionPolicyBinding", nil
	case *admissionv1.MutatingAdmissionPolicy:
		return "MutatingAdmissionPolicy", nil
	case *admissionv1.MutatingAdmissionPolicyBinding:
		return "MutatingAdmissionPolicyBinding", nil
	}
	return "", fmt.Errorf("%T is no native policy", object)
}
