package provision

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Tenant is the tenant whose claim it is, as the labels of the claim's
// namespace have it. Tenants cannot write those labels.
type Tenant struct {
	Name, BusinessUnit, Tier string
	// Environment is empty in a tenant's only, unnamed namespace.
	Environment string
	// DataClass is in lower case, such as "confidential".
	DataClass string
	// Namespace is where the claim is, and where its objects go.
	Namespace string
}

// Input is what a provisioner is told of a claim. It MUST NOT be changed.
type Input struct {
	// Claim is the claim as it was read.
	Claim *unstructured.Unstructured
	// Capability is the name of the capability, Version the version of the claim's
	// revision, such as "v1", and Revision the name of the CapabilityRevision.
	Capability, Version, Revision string
	// Tenant is whose claim it is.
	Tenant Tenant
	// Spec is the claim's spec in Version's schema, with its defaults and without
	// the platform's part.
	Spec map[string]any
	// Parameters are what the revision tells a Builtin; nil for none.
	Parameters map[string]any
}

// Output is what a provisioner answers.
type Output struct {
	// Objects are what the claim consists of in the tenant's namespace, in the
	// order in which they are made. The controller applies them as the guarded
	// account; it adds labels and the owner itself.
	Objects []*unstructured.Unstructured
	// Later are those of the claim's objects that cannot be said yet. If they are
	// there, they stay as they are.
	Later []Ref
	// Connection goes into the claim's connection Secret; nil for no Secret.
	Connection map[string][]byte
	// Status is what the claim's own status fields say, by field.
	Status map[string]any
	// Endpoint is where the claim is reached, empty when it is reached nowhere.
	Endpoint string
	// Ready is true when the claim can be used.
	Ready bool
	// Waiting is one sentence that says what is awaited; only read when not Ready.
	// It is the same as long as the same is awaited.
	Waiting string
}

// Preview is what provisioning would do. It holds no secrets.
type Preview struct {
	// Objects are as in Output.
	Objects []*unstructured.Unstructured
	// External is what is made outside the cluster, in order.
	External []External
	// ConnectionKeys are the keys of the connection Secret, sorted; nil for no Secret.
	ConnectionKeys []string
	// Endpoint is where the claim will be reached, empty when that is not known yet.
	Endpoint string
}

// External is one thing that is made outside the cluster.
type External struct {
	// System is where, such as "postgres db.example:5432".
	System string `json:"system"`
	// Kind and Name are what, such as "database" "payments_orders".
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Detail is one sentence for people; may be empty.
	Detail string `json:"detail,omitempty"`
}

// DeletionPolicy says what becomes of a claim's data when the claim is deleted.
type DeletionPolicy string

// The deletion policies.
const (
	// Retain leaves what the claim stands for as it is, for somebody to adopt or
	// delete by hand.
	Retain DeletionPolicy = "Retain"
	// Snapshot makes a last copy, and deletes once it is safe.
	Snapshot DeletionPolicy = "Snapshot"
	// Delete deletes at once.
	Delete DeletionPolicy = "Delete"
)

// ErrInvalid marks an error that the same input always gives: the user or the
// capability's author must act. Every other error is tried again with growing
// pauses.
var ErrInvalid = errors.New("invalid")

// Renderer says which objects a claim consists of. It MUST be pure: the same
// input and live objects give the same output, and it calls nobody. It must be
// safe for concurrent use.
type Renderer interface {
	// Render says which objects can be made now. Objects that depend on what is not
	// there or not ready yet are among Output.Later, and Output is not Ready then.
	// Its error names the field of the provisioner that is at fault.
	Render(ctx context.Context, in Input, live Live) (Output, error)
	// Plan is all objects that will be made, with what is known before any of them
	// exists.
	Plan(ctx context.Context, in Input) (Preview, error)
	// Kinds are the kinds of objects that it makes.
	Kinds() []Kind
	// ConnectionKeys are the keys of the connection Secret, sorted; none for no Secret.
	ConnectionKeys() []string
}

// Builtin provisions outside the cluster. It must be safe for concurrent use.
//
// Every method may be called any number of times and after any of them died
// half way: it finds out what is there and does the rest. None may sleep or
// outlast its context. A claim is known by the UID of its object, which must be
// written into whatever is made, so that the claim of another with the same
// name never comes into its data.
type Builtin interface {
	// Available is nil when the provisioner can work, else an error that says what
	// is missing and what the platform team has to do. It is asked before each of
	// the other calls and MUST be cheap.
	Available(ctx context.Context) error
	// Plan says what Ensure would do. It MUST NOT change anything.
	Plan(ctx context.Context, in Input) (Preview, error)
	// Ensure makes the claim true, or finds that it is, and then MUST change
	// nothing. previous is what the connection Secret holds, nil when there is none:
	// passwords in it are kept unless they are due to change.
	Ensure(ctx context.Context, in Input, previous map[string][]byte) (Output, error)
	// Delete ends the claim by the policy. done is false while it takes time; it is
	// called again then. What is not there counts as deleted.
	Delete(ctx context.Context, in Input, policy DeletionPolicy) (done bool, err error)
}

// Saver may be implemented by a Builtin that makes no last copy of what it
// deletes. Without it, a Builtin is taken to do so.
type Saver interface {
	// Saves says whether the deletion policy Snapshot is offered. Where it is not,
	// data that should be saved is kept.
	Saves() bool
}
