package world

// Dependency is something that the meaning of a route or a backend depends on.
type Dependency struct {
	// Kind is one of this package's, or a policy's.
	Kind string
	Key  Key
}

// Kinds of dependencies.
const (
	KindHTTPRoute   = "HTTPRoute"
	KindGRPCRoute   = "GRPCRoute"
	KindGateway     = "Gateway"
	KindListenerSet = "ListenerSet"
	// KindService is for the ports of a Service, KindEndpoints for what its slices
	// say; both have the Service's key.
	KindService   = "Service"
	KindEndpoints = "Endpoints"
	// KindNamespace is for the labels of a namespace, KindGrants for all
	// ReferenceGrants in it; both have its name.
	KindNamespace = "Namespace"
	KindGrants    = "ReferenceGrant"
)

// On is a dependency.
func On(kind string, key Key) Dependency { return Dependency{Kind: kind, Key: key} }

// Take returns what changed since it was called last, of all that routes and backends
// depend on.
func (w *World) Take() map[Dependency]bool {
	touched := w.touched
	w.touched = map[Dependency]bool{}
	return touched
}

func (w *World) touch(matters bool, kind string, key Key) {
	if matters {
		w.touched[On(kind, key)] = true
	}
}
