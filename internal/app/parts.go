package app

import "sigs.k8s.io/controller-runtime/pkg/client"

// Part is a group of objects that belong together.
type Part struct {
	// Name is the part's folder in config/.
	Name    string
	Objects []client.Object
}

// CapabilitiesPart is the name of the part with the capabilities that ship with
// Roadbed, which are published when there is a server.
const CapabilitiesPart = capabilitiesPart

// Parts are everything that an installation consists of beside the kinds and the
// server, in the order in which they are applied.
func Parts(opts InstallOptions) []Part {
	var all []Part
	for _, part := range parts(opts.withDefaults()) {
		all = append(all, Part{part.name, part.objects})
	}
	return all
}

// Workload is the server, and what runs beside it.
func Workload(opts InstallOptions) []client.Object { return workload(opts.withDefaults()) }

// Render writes objects as YAML documents, each with its kind and without what only
// a server fills in.
func Render(objects []client.Object) ([]byte, error) { return render(objects) }

// GateObjects are the rights and guards that a feature gate adds to an installation.
func GateObjects(gate string) []client.Object {
	return gatedObjects(map[string]bool{gate: true})
}
