package translate

import (
	"cmp"
	"crypto/tls"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// Result is what a World means.
type Result struct {
	// Config is what to serve. It is the one of the last Result where nothing of
	// it changed.
	Config *gateway.Config
	// Statuses are objects whose status has to change: copies that carry the new
	// one. They have the resource versions of the World's.
	Statuses []client.Object
	// Secrets and ConfigMaps are those that something refers to, sorted, whether
	// they are there or not: the World should have them.
	Secrets, ConfigMaps []Key
}

// Translator turns Worlds into Results. It belongs to one World for good.
type Translator struct {
	settings Settings
	world    *World

	routes   map[routeKey]*routeEntry
	backends map[string]*backendEntry
	certs    map[Key]*certificate
	pools    map[string]*pool
	policies policyMemo
	config   *gateway.Config
	// changed says that the Config of this round differs from the last one's.
	changed bool
	serial  uint64
}

// New returns a Translator for a World.
func New(settings Settings, world *World) *Translator {
	return &Translator{
		settings: settings.withDefaults(), world: world,
		routes: map[routeKey]*routeEntry{}, backends: map[string]*backendEntry{},
		certs: map[Key]*certificate{}, pools: map[string]*pool{}, policies: newPolicyMemo(),
	}
}

// round is what one call of Translate works on.
type round struct {
	*Translator
	*World
	now time.Time
	// ours are the GatewayClasses that name this controller.
	ours map[string]bool
	// gateways in the order of their age, and by name; sets likewise.
	ordered    []*gatewayState
	gateways   map[Key]*gatewayState
	sets       map[Key]*setState
	listeners  map[string]*listenerState
	tls        map[Key][]*tlsState
	tlsOrdered []*tlsState
	secrets    map[Key]bool
	configMaps map[Key]bool
	statuses   []client.Object
}

// SetSettings replaces what may be learnt late: the addresses, the cluster's
// issuer and the version of the definitions.
func (t *Translator) SetSettings(settings Settings) {
	t.settings = settings.withDefaults()
	t.world.Shape++
	t.policies = newPolicyMemo()
}

// Translate says what the World means now.
func (t *Translator) Translate(now time.Time) *Result {
	r := &round{
		Translator: t, World: t.world, now: now, gateways: map[Key]*gatewayState{}, sets: map[Key]*setState{},
		listeners: map[string]*listenerState{}, tls: map[Key][]*tlsState{}, secrets: map[Key]bool{}, configMaps: map[Key]bool{},
	}
	t.changed = t.config == nil
	r.classify()
	r.resolveGateways()
	r.resolveTLSPolicies()
	r.translateRoutes()
	config := &gateway.Config{Backends: r.resolveBackends()}
	r.enforcePolicies(config)
	config.Listeners = r.assemble()
	r.report()
	t.forget(r)
	if t.changed {
		t.serial++
		config.Version = strconv.FormatUint(t.serial, 10)
		t.config = config
	}
	return &Result{
		Config: t.config, Statuses: r.statuses,
		Secrets: sortedKeys(r.secrets), ConfigMaps: sortedKeys(r.configMaps),
	}
}

// assemble makes the Config's listeners of those that can be served.
func (r *round) assemble() []gateway.Listener {
	var listeners []gateway.Listener
	for _, g := range r.ordered {
		for _, l := range g.all() {
			listeners = append(listeners, l.serve()...)
		}
	}
	slices.SortFunc(listeners, func(a, b gateway.Listener) int { return cmp.Compare(a.Name, b.Name) })
	if !r.changed && !sameListeners(r.config.Listeners, listeners) {
		r.changed = true
	}
	return listeners
}

// sameListeners compares all but the routes, whose changes are known.
func sameListeners(a, b []gateway.Listener) bool {
	return slices.EqualFunc(a, b, func(x, y gateway.Listener) bool {
		return x.Name == y.Name && x.Gateway == y.Gateway && x.Address == y.Address && x.Protocol == y.Protocol &&
			x.Hostname == y.Hostname && sameTLS(x.TLS, y.TLS) && len(x.Routes) == len(y.Routes)
	})
}

func sameTLS(a, b *gateway.ServerTLS) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ClientCAs == b.ClientCAs && a.RequireClient == b.RequireClient && a.MinVersion == b.MinVersion &&
		slices.EqualFunc(a.Certificates, b.Certificates, func(x, y tls.Certificate) bool { return x.Leaf == y.Leaf })
}

// forget drops what no object of this round needed.
func (t *Translator) forget(r *round) {
	for key := range t.certs {
		if !r.secrets[key] {
			delete(t.certs, key)
		}
	}
	for name, p := range t.pools {
		if !p.used {
			delete(t.pools, name)
		}
		p.used = false
	}
}

func sortedKeys(set map[Key]bool) []Key {
	keys := make([]Key, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// olderFirst orders objects as Gateway API ranks them: by age, then by name.
func olderFirst(a, b client.Object) int {
	x, y := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if !x.Equal(&y) {
		return x.Compare(y.Time)
	}
	return compareKeys(keyOf(a), keyOf(b))
}
