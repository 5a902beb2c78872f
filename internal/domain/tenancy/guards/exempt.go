package guards

import "github.com/roadbed-dev/roadbed/internal/kernel/identity"

// controllerManager is the user of Kubernetes' controllers where they do not
// run under service accounts of their own, and of those that always share it.
const controllerManager = "system:kube-controller-manager"

// Exemption names who may do what a guard forbids to everybody else.
type Exemption struct {
	// Users are the exact user names.
	Users []string
	// Reason says why they must be exempt.
	Reason string
}

// exemptions are all there are, by the name under which the sources of the
// guards refer to them. Whoever is not named in a guard is judged by it.
var exemptions = map[string]Exemption{
	"roadbed": {
		Users:  []string{identity.Roadbed},
		Reason: "Roadbed generates and repairs what the guards protect.",
	},
	"namespace-controller": {
		Users:  []string{controller("namespace-controller"), controllerManager},
		Reason: "It reports why a namespace is still being deleted, empties it, and takes its finalizer away at the end.",
	},
	"quota": {
		Users:  []string{controller("resourcequota-controller"), controllerManager, "system:apiserver"},
		Reason: "The quota controller recalculates usage, and the API server charges each request to the quota's status.",
	},
	"garbage-collector": {
		Users: []string{controller("generic-garbage-collector"), controllerManager},
		Reason: "It ends a foreground deletion that Roadbed began by taking its own finalizer away. " +
			"The shared user is also the token controller's, which takes the names of deleted token Secrets off service accounts.",
	},
	"endpoint-controllers": {
		Users: []string{
			controller("endpoint-controller"), controller("endpointslice-controller"),
			controller("endpointslicemirroring-controller"), controllerManager,
		},
		Reason: "They copy a Service's labels to the endpoints they keep for it.",
	},
	"kind-definitions": {
		Users:  []string{"system:apiserver", controller("storage-version-migrator-controller"), controllerManager},
		Reason: "The API server reports whether a kind is served, and the migrator which versions are stored.",
	},
	"role-aggregation": {
		Users:  []string{controller("clusterrole-aggregation-controller"), controllerManager},
		Reason: "It puts the roles of tenants together from their parts, which Roadbed alone may mark.",
	},
	"policy-status": {
		Users:  []string{controller("validatingadmissionpolicy-status-controller"), controllerManager},
		Reason: "It writes the result of the type check into a policy's status.",
	},
}

func controller(name string) string { return "system:serviceaccount:kube-system:" + name }
