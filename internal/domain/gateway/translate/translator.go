package translate

import (
	"cmp"
	"crypto/tls"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/index"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/trust"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// Result is what a World means.
type Result struct {
	// Config is what to serve. It is the one of the last Result where nothing of
	// it changed. Its maps are the last one's where nothing of them changed.
	Config *gateway.Config
	// Statuses are objects whose status has to change: copies that carry the new
	// one. They have the resource versions of the World's.
	Statuses []client.Object
	// Secrets and ConfigMaps are those that something refers to, sorted, whether
	// they are there or not: the World should have them.
	Secrets, ConfigMaps []Key
	// Frame is another number wherever Secrets, ConfigMaps or the World's
	// Subscriptions may be others than in the Result before.
	Frame uint64
}

// Translator turns Worlds into Results. It belongs to one World for good: it looks
// only at what changed there since it looked last.
type Translator struct {
	settings Settings
	world    *World
	// reset says that what was made is to be made again, whatever changed.
	reset bool
	// frame is the one of the last round, made of the World's Frame and Classwork.
	frame *frame

	routes map[routeKey]*routeEntry
	// users are the routes that need something, naming those that need a backend.
	users  index.Users[world.Dependency, routeKey]
	naming index.Users[backendSpec, routeKey]
	// attached are the routes of listeners, sorted; serving the backends by ID.
	attached map[string][]*gateway.Route
	serving  map[string]*gateway.Backend
	// pending are routes whose status has to change, and told what else has.
	pending map[routeKey]client.Object
	told    told

	backends  map[backendSpec]*backendEntry
	ofService index.Users[Key, backendSpec]
	trust     *trust.Store
	policies  policyMemo
	config    *gateway.Config
	// changed says that the Config of this round differs from the last one's.
	changed bool
	serial  uint64
}

// New returns a Translator for a World.
func New(settings Settings, world *World) *Translator {
	return &Translator{
		settings: settings.withDefaults(), world: world, reset: true, routes: map[routeKey]*routeEntry{},
		attached: map[string][]*gateway.Route{}, pending: map[routeKey]client.Object{},
		backends: map[backendSpec]*backendEntry{}, serving: map[string]*gateway.Backend{},
		trust: trust.New(world), policies: newPolicyMemo(),
	}
}

// round is what one call of Translate works on.
type round struct {
	*Translator
	*World
	*frame
	now time.Time
	// touched is what changed since the last round; all says that anything may have,
	// and reframed that the frame is another one.
	touched       map[world.Dependency]bool
	all, reframed bool
	// due are the backends to be resolved; edits the routes that listeners get.
	due   map[backendSpec]bool
	edits map[string]map[routeKey]*gateway.Route
	// recount says that listeners have more or fewer routes, rerouted that routes name
	// other policies, Services or Gateways, and contest that routes of two kinds may be
	// in each other's way where they were not.
	recount, rerouted, contest bool
}

// SetSettings replaces what may be learnt late: the addresses, the cluster's
// issuer and the version of the definitions.
func (t *Translator) SetSettings(settings Settings) {
	t.settings = settings.withDefaults()
	t.reset = true
	t.policies = newPolicyMemo()
}

// Translate says what the World means now.
func (t *Translator) Translate(now time.Time) *Result {
	r := t.begin(now)
	t.changed = t.config == nil
	r.translateRoutes()
	config := &gateway.Config{Backends: r.resolveBackends()}
	r.enforcePolicies(config)
	config.Listeners = r.assemble()
	r.report()
	if t.changed {
		t.serial++
		config.Version = strconv.FormatUint(t.serial, 10)
		t.config = config
	}
	return &Result{
		Config: t.config, Statuses: t.statuses(), Secrets: r.secrets, ConfigMaps: r.configMaps, Frame: r.frame.serial,
	}
}

// begin finds out what there is to do, and makes the frame anew where it is.
func (t *Translator) begin(now time.Time) *round {
	r := &round{
		Translator: t, World: t.world, frame: t.frame, now: now, touched: t.world.Take(),
		due: map[backendSpec]bool{}, edits: map[string]map[routeKey]*gateway.Route{},
	}
	r.all = t.reset || t.frame.classwork != t.world.Classwork
	r.reframed = t.reset || t.frame.serial != t.world.Frame
	t.reset = false
	if r.reframed {
		r.frame = newFrame(t.world)
		t.frame = r.frame
		r.trust.Begin()
		r.classify()
		r.resolveGateways()
		r.resolveTLSPolicies()
		r.secrets, r.configMaps = r.trust.End()
	}
	return r
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
