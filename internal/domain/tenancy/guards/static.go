package guards

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

// StaticManifest is a file for the directory that staticManifestsDir names in
// the configuration of the API server's ValidatingAdmissionPolicy plugin
// (feature gate ManifestBasedAdmissionControlConfig, on from Kubernetes 1.37).
type StaticManifest struct {
	// Name of the file, such as roadbed-platform-labels.yaml.
	Name string
	// Data is YAML: a policy and its binding.
	Data []byte
}

// Static renders the core guards as files. All are validating policies: the
// mutating plugin reads a directory of its own, for which there is no file.
func Static(opts ...Option) []StaticManifest {
	var manifests []StaticManifest
	for _, guard := range All(opts...) {
		if !guard.Core {
			continue
		}
		data, err := renderStatic(guard.Objects)
		if err != nil {
			panic(fmt.Sprintf("embedded guard %q as a file: %v", guard.Name, err))
		}
		manifests = append(manifests, StaticManifest{Name: "roadbed-" + guard.Name + ".yaml", Data: data})
	}
	return manifests
}

func renderStatic(objects []client.Object) ([]byte, error) {
	var documents [][]byte
	for _, object := range objects {
		switch o := object.(type) {
		case *admissionv1.ValidatingAdmissionPolicy:
			o.Name += staticSuffix
		case *admissionv1.ValidatingAdmissionPolicyBinding:
			o.Name += staticSuffix
			o.Spec.PolicyName += staticSuffix
		default:
			return nil, fmt.Errorf("%T cannot be a file", object)
		}
		document, err := yaml.Marshal(object)
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return bytes.Join(documents, []byte("---\n")), nil
}
