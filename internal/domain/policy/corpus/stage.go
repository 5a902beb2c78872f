package corpus

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/imageref"
)

// Stage is what the policies of a case may look at besides the request.
type Stage struct {
	// Now is the time of the decision; the morning of 2026-11-23 unless it is set.
	Now metav1.Time `json:"now,omitzero"`
	// Objects that are there. A Namespace among them is the one of its objects.
	Objects []map[string]any `json:"objects,omitempty"`
	// Calls are answers of the API server, by method and path: "GET /api/v1/...".
	Calls map[string]any `json:"calls,omitempty"`
	// Services are answers of services, by method and URL. Without any, policies may
	// ask none.
	Services map[string]ServiceAnswer `json:"services,omitempty"`
	// Globals are entries of the global context.
	Globals map[string]any `json:"globals,omitempty"`
	// Registry are the images there are, by their full reference.
	Registry map[string]StoredImage `json:"registry,omitempty"`
}

// ServiceAnswer is what a service answers.
type ServiceAnswer struct {
	// Status is 200 unless it is set.
	Status int `json:"status,omitempty"`
	Body   any `json:"body,omitempty"`
}

// StoredImage is an image in the registry of a case.
type StoredImage struct {
	Digest string `json:"digest"`
	// Config and Manifest are what policies read of the image.
	Config   map[string]any `json:"config,omitempty"`
	Manifest map[string]any `json:"manifest,omitempty"`
	// SignedBy are the public keys whose signature there is.
	SignedBy []string `json:"signedBy,omitempty"`
	// Identities are the subjects of the keyless signatures there are, by issuer.
	Identities map[string]string `json:"identities,omitempty"`
	// Attestations are the predicates of signed statements, by their type.
	Attestations map[string][]map[string]any `json:"attestations,omitempty"`
}

// World is the stage as policies see it.
func (s Stage) World() policy.World {
	now := s.Now.Time
	if now.IsZero() {
		now = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	}
	world := policy.World{Lookup: s, Images: s, Now: now}
	if len(s.Services) > 0 {
		world.HTTP = s
	}
	return world
}

// namespace finds the Namespace of an object.
func (s Stage) namespace(of *unstructured.Unstructured) map[string]any {
	for _, object := range s.Objects {
		candidate := unstructured.Unstructured{Object: object}
		if candidate.GetKind() == "Namespace" && candidate.GetName() == of.GetNamespace() {
			return runtime.DeepCopyJSON(object)
		}
	}
	return nil
}

var (
	_ policy.Lookup = Stage{}
	_ policy.Images = Stage{}
	_ policy.HTTP   = Stage{}
)

// Get finds one of the objects.
func (s Stage) Get(_ context.Context, resource schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	for _, object := range s.of(resource, namespace) {
		if found := (unstructured.Unstructured{Object: object}); found.GetName() == name {
			return runtime.DeepCopyJSON(object), nil
		}
	}
	return nil, apierrors.NewNotFound(resource.GroupResource(), name)
}

// List finds objects by their labels.
func (s Stage) List(_ context.Context, resource schema.GroupVersionResource, namespace string, wanted map[string]string) ([]map[string]any, error) {
	var found []map[string]any
	for _, object := range s.of(resource, namespace) {
		candidate := unstructured.Unstructured{Object: object}
		if labels.SelectorFromSet(wanted).Matches(labels.Set(candidate.GetLabels())) {
			found = append(found, runtime.DeepCopyJSON(object))
		}
	}
	return found, nil
}

func (s Stage) of(resource schema.GroupVersionResource, namespace string) []map[string]any {
	return slices.DeleteFunc(slices.Clone(s.Objects), func(object map[string]any) bool {
		candidate := unstructured.Unstructured{Object: object}
		guessed, _ := meta.UnsafeGuessKindToResource(candidate.GroupVersionKind())
		return guessed != resource || namespace != "" && candidate.GetNamespace() != namespace
	})
}

// Call answers as the case says.
func (s Stage) Call(_ context.Context, method, path string, _ any) (any, error) {
	answer, ok := s.Calls[method+" "+path]
	if !ok {
		return nil, fmt.Errorf("the server could not find %s %s", method, path)
	}
	return runtime.DeepCopyJSONValue(answer), nil
}

// Do answers as the case says. An answer that is to be told what was sent has
// "sent" as its body.
func (s Stage) Do(_ context.Context, method, url string, headers map[string]string, body any, bundle string) (any, int, error) {
	answer, ok := s.Services[method+" "+url]
	if !ok {
		return nil, 0, fmt.Errorf("nobody listens at %s %s", method, url)
	}
	if answer.Body == "sent" {
		told := map[string]any{}
		for key, value := range headers {
			told[key] = value
		}
		answer.Body = map[string]any{"headers": told, "body": body, "bundle": bundle}
	}
	return answer.Body, cmp.Or(answer.Status, 200), nil
}

// Global answers as the case says.
func (s Stage) Global(_ context.Context, name string) (any, error) {
	answer, ok := s.Globals[name]
	if !ok {
		return nil, fmt.Errorf("there is no global context entry %q", name)
	}
	return runtime.DeepCopyJSONValue(answer), nil
}

// Describe tells of an image what a registry would.
func (s Stage) Describe(_ context.Context, reference string) (map[string]any, error) {
	stored, err := s.stored(reference)
	if err != nil {
		return nil, err
	}
	repository, tag, _ := strings.Cut(reference, ":")
	registry, path, _ := strings.Cut(repository, "/")
	return map[string]any{
		"image": reference, "resolvedImage": repository + "@" + stored.Digest, "registry": registry, "repository": path,
		"identifier": tag, "manifest": stored.Manifest, "configData": stored.Config,
	}, nil
}

// stored finds an image by its reference, or by its digest whatever the tag.
func (s Stage) stored(reference string) (StoredImage, error) {
	if stored, ok := s.Registry[reference]; ok {
		return stored, nil
	}
	wanted, err := imageref.Parse(reference, "")
	if err != nil {
		return StoredImage{}, err
	}
	for name, stored := range s.Registry {
		candidate, err := imageref.Parse(name, "")
		if err == nil && candidate.Registry == wanted.Registry && candidate.Path == wanted.Path && stored.Digest == wanted.Digest {
			return stored, nil
		}
	}
	return StoredImage{}, fmt.Errorf("the registry has no image %q", reference)
}

// Verify knows signatures by key, keyless ones by issuer and subject, and
// attestations by their type.
func (s Stage) Verify(_ context.Context, check policy.ImageCheck) (policy.ImageProof, error) {
	stored, err := s.stored(check.Reference)
	if err != nil {
		return policy.ImageProof{}, err
	}
	if !stored.signed(check.Attestor) {
		return policy.ImageProof{}, fmt.Errorf("no signature of the image matches: %w", policy.ErrUnproved)
	}
	proof := policy.ImageProof{Digest: stored.Digest, Signer: check.Attestor.Name}
	if check.PredicateType == "" {
		return proof, nil
	}
	proof.Statements = stored.Attestations[check.PredicateType]
	if len(proof.Statements) == 0 {
		return policy.ImageProof{}, fmt.Errorf("the image has no attestation of type %q: %w", check.PredicateType, policy.ErrUnproved)
	}
	return proof, nil
}

func (i StoredImage) signed(by policy.Attestor) bool {
	if by.Keyless == nil {
		return slices.ContainsFunc(i.SignedBy, func(key string) bool { return strings.TrimSpace(key) == strings.TrimSpace(by.Key) })
	}
	return slices.ContainsFunc(by.Keyless.Identities, func(wanted policy.Identity) bool {
		return i.Identities[wanted.Issuer] == wanted.Subject
	})
}
