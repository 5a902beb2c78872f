// Package trail records privileged actions: who did what to which object, why,
// and what changed. A record is durable before the action counts as done.
//
// The file implementation here serves until the audit domain brings its own
// behind the same interface.
package trail

import (
	"context"
	"time"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Object names what an action was done to.
type Object struct {
	// Group, Kind, Namespace and Name as Kubernetes has them; Namespace is
	// empty for cluster-scoped objects.
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Record is one privileged action.
type Record struct {
	// Time is when the action was done, in UTC. Record sets it when zero.
	Time time.Time `json:"time"`
	// Actor did it.
	Actor identity.Actor `json:"actor"`
	// Action is a verb in the form domain.noun.verb, such as tenancy.tenant.cordon.
	Action string `json:"action"`
	// Object is what it was done to.
	Object Object `json:"object"`
	// Reason is one sentence: why.
	Reason string `json:"reason"`
	// Before and After are "sha256:..." of the object's canonical JSON, empty
	// where there was or is none.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Recorder keeps records of privileged actions.
//
// Record MUST return only after the record would survive the death of the
// process and of the machine, or with an error; the caller MUST NOT go on with
// the action after an error. It must be safe for concurrent use. A record MUST
// NOT contain a secret.
type Recorder interface {
	Record(ctx context.Context, record Record) error
}
