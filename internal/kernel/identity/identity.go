// Package identity names who acts: the identities Roadbed itself has in a
// cluster, and the actor on whose behalf a request runs.
package identity

import (
	"context"
	"slices"
	"strings"
)

// SystemNamespace is where Roadbed's own objects live in a cluster.
const SystemNamespace = "roadbed-system"

// Roadbed is the user name of Roadbed's controllers, embedded or in a cluster:
// native policies make exceptions for it and for nobody else of ours.
const Roadbed = "system:serviceaccount:" + SystemNamespace + ":roadbed"

// RoadbedGroups are the groups that go with Roadbed's user name.
func RoadbedGroups() []string {
	return []string{"system:serviceaccounts", "system:serviceaccounts:" + SystemNamespace, "system:authenticated"}
}

// Kind says what sort of actor it is.
type Kind string

// The kinds of actors.
const (
	// User is a person.
	User Kind = "User"
	// ServiceAccount is a workload.
	ServiceAccount Kind = "ServiceAccount"
	// System is Roadbed or Kubernetes itself.
	System Kind = "System"
)

// Actor is who does something. The zero Actor is nobody.
type Actor struct {
	Kind Kind `json:"kind"`
	// Name is the user name as the API server sees it.
	Name string `json:"name"`
	// Groups are the actor's groups, sorted.
	Groups []string `json:"groups,omitempty"`
}

// Self is Roadbed as an actor.
func Self() Actor { return Actor{Kind: System, Name: Roadbed} }

// Of classifies a user name as the API server reports it.
func Of(name string, groups ...string) Actor {
	sorted := slices.Clone(groups)
	slices.Sort(sorted)
	return Actor{Kind: kindOf(name), Name: name, Groups: sorted}
}

func kindOf(name string) Kind {
	switch {
	case name == Roadbed:
		return System
	case strings.HasPrefix(name, "system:serviceaccount:"):
		return ServiceAccount
	case strings.HasPrefix(name, "system:"):
		return System
	default:
		return User
	}
}

// ServiceAccountName splits a service account's user name into namespace and
// name; ok is false for every other user name.
func ServiceAccountName(user string) (namespace, name string, ok bool) {
	rest, found := strings.CutPrefix(user, "system:serviceaccount:")
	if !found {
		return "", "", false
	}
	namespace, name, ok = strings.Cut(rest, ":")
	return namespace, name, ok && namespace != "" && name != ""
}

type contextKey struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, contextKey{}, actor)
}

// From returns the caller that the context carries, or Roadbed itself: work
// that nobody asked for is Roadbed's own.
func From(ctx context.Context) Actor {
	if actor, ok := ctx.Value(contextKey{}).(Actor); ok {
		return actor
	}
	return Self()
}
