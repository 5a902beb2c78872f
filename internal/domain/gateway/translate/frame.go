package translate

import (
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// frame is what a round finds about all but routes and backends. It is kept until
// something of that changes.
type frame struct {
	// serial and classwork are the World's Frame and Classwork that it was made of.
	serial, classwork uint64
	// ours are the GatewayClasses that name this controller.
	ours map[string]bool
	// gateways in the order of their age, and by name; sets likewise.
	ordered    []*gatewayState
	gateways   map[Key]*gatewayState
	sets       map[Key]*setState
	listeners  map[string]*listenerState
	tls        map[Key][]*tlsState
	tlsOrdered []*tlsState
	// secrets and configMaps are those that something refers to, sorted.
	secrets, configMaps []Key
}

func newFrame(w *World) *frame {
	return &frame{
		serial: w.Frame, classwork: w.Classwork, ours: map[string]bool{}, gateways: map[Key]*gatewayState{}, sets: map[Key]*setState{},
		listeners: map[string]*listenerState{}, tls: map[Key][]*tlsState{},
	}
}

// told are the statuses that have to change, of all but routes, by what they depend
// on.
type told struct {
	classes, gateways, tls, policies []client.Object
}

// statuses are all that have to change.
func (t *Translator) statuses() []client.Object {
	all := slices.Concat(t.told.classes, t.told.gateways, t.told.tls, t.told.policies)
	for _, object := range t.pending {
		all = append(all, object)
	}
	return all
}
