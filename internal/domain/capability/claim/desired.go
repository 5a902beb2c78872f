package claim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// connectionSecret is the name of a claim's connection Secret.
func connectionSecret(claim string) string { return claim + "-connection" }

// labels are on everything that a claim consists of.
func (o *Order) labels() map[string]string {
	return map[string]string{
		v1alpha1.LabelCapability: o.Capability.Name,
		v1alpha1.LabelVersion:    o.Input.Version,
		v1alpha1.LabelRevision:   o.Revision.Name,
		v1alpha1.LabelClaim:      o.Input.Claim.GetName(),
		v1alpha1.LabelClaimUID:   string(o.Input.Claim.GetUID()),
	}
}

// Desired is an object of the claim as it is applied: in the claim's namespace,
// labelled, with a hash of what was wanted, and owned by the claim unless the
// deletion policy keeps it.
func (o *Order) Desired(object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	made := object.DeepCopy()
	made.SetNamespace(o.Input.Tenant.Namespace)
	labels := made.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, o.labels())
	made.SetLabels(labels)
	if o.Policy != v1alpha1.DeletionRetain {
		made.SetOwnerReferences([]metav1.OwnerReference{{
			APIVersion: o.Input.Claim.GetAPIVersion(), Kind: o.Input.Claim.GetKind(),
			Name: o.Input.Claim.GetName(), UID: o.Input.Claim.GetUID(), Controller: new(true),
		}})
	}
	text, err := made.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written as JSON: %w", provision.RefOf(object), err)
	}
	sum := sha256.Sum256(text)
	annotations := made.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationHash] = hex.EncodeToString(sum[:8])
	made.SetAnnotations(annotations)
	return made, nil
}

// secret is the connection Secret, nil for no connection.
func (o *Order) secret(connection map[string][]byte) *unstructured.Unstructured {
	if len(connection) == 0 {
		return nil
	}
	data := make(map[string]any, len(connection))
	for _, key := range slices.Sorted(maps.Keys(connection)) {
		data[key] = loose(connection[key]) // bytes are base64 in JSON
	}
	made := &unstructured.Unstructured{Object: map[string]any{"type": "Opaque", "data": data}}
	made.SetAPIVersion("v1")
	made.SetKind("Secret")
	made.SetName(connectionSecret(o.Input.Claim.GetName()))
	return made
}

// asWanted says whether an object is as it should be, so that writing it would
// change nothing.
func asWanted(live, wanted *unstructured.Unstructured) bool {
	return live.GetAnnotations()[v1alpha1.AnnotationHash] == wanted.GetAnnotations()[v1alpha1.AnnotationHash] &&
		covers(live.Object, wanted.Object)
}

// isOf says whether an object was made for the claim.
func isOf(object, claim *unstructured.Unstructured) bool {
	return object.GetLabels()[v1alpha1.LabelClaimUID] == string(claim.GetUID())
}

// secretData is what a Secret holds.
func secretData(secret *unstructured.Unstructured) map[string][]byte {
	content, _, _ := unstructured.NestedStringMap(secret.Object, "data")
	data := make(map[string][]byte, len(content))
	for key, text := range content {
		if value, err := base64.StdEncoding.DecodeString(text); err == nil {
			data[key] = value
		}
	}
	return data
}
