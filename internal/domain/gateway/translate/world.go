package translate

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// Key names an object of a kind; those without a namespace have none.
type Key = types.NamespacedName

// Flag is a FeatureFlag, as far as the gateway asks.
type Flag struct {
	// Name of the flag.
	Name string
	// Everybody says that every tenant has it.
	Everybody bool
	// Tenants and BusinessUnits say who has it, and who has not, whatever
	// Everybody says. A tenant's own word goes before its business unit's.
	Tenants, BusinessUnits map[string]bool
}

// World is the part of a cluster that the gateway looks at. The objects are the
// caller's and must not change while they are in it: Set replaces them.
type World struct {
	classes        map[Key]*gatewayv1.GatewayClass
	gateways       map[Key]*gatewayv1.Gateway
	listenerSets   map[Key]*gatewayv1.ListenerSet
	httpRoutes     map[Key]*gatewayv1.HTTPRoute
	grpcRoutes     map[Key]*gatewayv1.GRPCRoute
	tlsPolicies    map[Key]*gatewayv1.BackendTLSPolicy
	grants         map[Key]*gatewayv1.ReferenceGrant
	services       map[Key]*corev1.Service
	slices         map[Key]*discoveryv1.EndpointSlice
	secrets        map[Key]*corev1.Secret
	configMaps     map[Key]*corev1.ConfigMap
	namespaces     map[Key]*corev1.Namespace
	authorizations map[Key]*v1alpha1.AuthorizationPolicy
	rateLimits     map[Key]*v1alpha1.RateLimitPolicy
	lifecycles     map[Key]*v1alpha1.LifecyclePolicy
	subscriptions  map[Key]*v1alpha1.Subscription
	flags          map[string]Flag

	// shape is raised by every change that may matter to any route.
	shape uint64
	// ofService counts the changes of a Service that matter to routes; endpoints
	// those of its slices. Both live as long as the World.
	ofService, endpoints map[Key]uint64
	// grantsIn are the grants by namespace.
	grantsIn map[string]map[string]*gatewayv1.ReferenceGrant
	// slicesOf are the names of the slices of a Service.
	slicesOf map[Key]map[string]bool
	// people counts the changes of namespaces, subscriptions and flags.
	people uint64
}

// NewWorld returns a World with nothing in it.
func NewWorld() *World {
	return &World{
		classes: map[Key]*gatewayv1.GatewayClass{}, gateways: map[Key]*gatewayv1.Gateway{},
		listenerSets: map[Key]*gatewayv1.ListenerSet{}, httpRoutes: map[Key]*gatewayv1.HTTPRoute{},
		grpcRoutes: map[Key]*gatewayv1.GRPCRoute{}, tlsPolicies: map[Key]*gatewayv1.BackendTLSPolicy{},
		grants: map[Key]*gatewayv1.ReferenceGrant{}, services: map[Key]*corev1.Service{},
		slices: map[Key]*discoveryv1.EndpointSlice{}, secrets: map[Key]*corev1.Secret{},
		configMaps: map[Key]*corev1.ConfigMap{}, namespaces: map[Key]*corev1.Namespace{},
		authorizations: map[Key]*v1alpha1.AuthorizationPolicy{}, rateLimits: map[Key]*v1alpha1.RateLimitPolicy{},
		lifecycles: map[Key]*v1alpha1.LifecyclePolicy{}, subscriptions: map[Key]*v1alpha1.Subscription{},
		flags: map[string]Flag{}, ofService: map[Key]uint64{}, endpoints: map[Key]uint64{},
		slicesOf: map[Key]map[string]bool{}, grantsIn: map[string]map[string]*gatewayv1.ReferenceGrant{},
	}
}

// Set puts an object in, in place of the one of its kind and name. An object of
// the same resource version is no change. It panics for kinds that are none of
// the gateway's.
func (w *World) Set(object client.Object) { w.change(object, false) }

// Delete takes an object out.
func (w *World) Delete(object client.Object) { w.change(object, true) }

// SetFlags replaces all flags.
func (w *World) SetFlags(flags []Flag) {
	w.people++
	clear(w.flags)
	for _, flag := range flags {
		w.flags[flag.Name] = flag
	}
}

func (w *World) change(object client.Object, gone bool) {
	switch o := object.(type) {
	case *gatewayv1.GatewayClass:
		w.reshape(put(w.classes, o, gone, generation))
	case *gatewayv1.Gateway:
		w.reshape(put(w.gateways, o, gone, generation))
	case *gatewayv1.ListenerSet:
		w.reshape(put(w.listenerSets, o, gone, generation))
	case *gatewayv1.HTTPRoute:
		put(w.httpRoutes, o, gone, generation)
	case *gatewayv1.GRPCRoute:
		put(w.grpcRoutes, o, gone, generation)
	case *gatewayv1.BackendTLSPolicy:
		w.reshape(put(w.tlsPolicies, o, gone, generation))
	case *gatewayv1.ReferenceGrant:
		w.setGrant(o, gone)
	case *corev1.Service:
		w.setService(o, gone)
	case *discoveryv1.EndpointSlice:
		w.setSlice(o, gone)
	case *corev1.Secret:
		put(w.secrets, o, gone, version)
	case *corev1.ConfigMap:
		put(w.configMaps, o, gone, version)
	case *corev1.Namespace:
		w.setNamespace(o, gone)
	case *v1alpha1.AuthorizationPolicy:
		w.reshape(put(w.authorizations, o, gone, identity))
	case *v1alpha1.RateLimitPolicy:
		w.reshape(put(w.rateLimits, o, gone, identity))
	case *v1alpha1.LifecyclePolicy:
		w.reshape(put(w.lifecycles, o, gone, identity))
	case *v1alpha1.Subscription:
		put(w.subscriptions, o, gone, version)
		w.people++
	default:
		panic(fmt.Sprintf("the gateway does not look at a %T", object))
	}
}

// What of two objects has to differ for a change to matter to routes.
func generation(a, b client.Object) bool {
	return a.GetGeneration() == b.GetGeneration() && a.GetUID() == b.GetUID()
}
func version(client.Object, client.Object) bool { return false }
func identity(a, b client.Object) bool          { return a.GetUID() == b.GetUID() }
func (w *World) reshape(matters bool)           { w.shape += one(matters) }
func keyOf(object client.Object) Key            { return client.ObjectKeyFromObject(object) }
func samePorts(a, b *corev1.Service) bool {
	return a.Spec.Type == b.Spec.Type && equality.Semantic.DeepEqual(a.Spec.Ports, b.Spec.Ports)
}

func one(yes bool) uint64 {
	if yes {
		return 1
	}
	return 0
}

// put changes a table and says whether the change matters.
func put[T any, P interface {
	*T
	client.Object
}](table map[Key]*T, object P, gone bool, alike func(a, b client.Object) bool) bool {
	key := keyOf(object)
	old, had := table[key]
	if gone {
		delete(table, key)
		return had
	}
	if had && P(old).GetResourceVersion() == object.GetResourceVersion() && P(old).GetUID() == object.GetUID() && object.GetResourceVersion() != "" {
		return false
	}
	table[key] = object
	return !had || !alike(P(old), object)
}

func (w *World) setService(service *corev1.Service, gone bool) {
	key := keyOf(service)
	old := w.services[key]
	if gone || old == nil || !samePorts(old, service) {
		w.ofService[key]++
	}
	put(w.services, service, gone, version)
}

func (w *World) setSlice(slice *discoveryv1.EndpointSlice, gone bool) {
	owner := Key{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
	if old := w.slices[keyOf(slice)]; old != nil {
		before := Key{Namespace: old.Namespace, Name: old.Labels[discoveryv1.LabelServiceName]}
		delete(w.slicesOf[before], old.Name)
		w.endpoints[before]++
	}
	put(w.slices, slice, gone, version)
	w.endpoints[owner]++
	if gone {
		return
	}
	if w.slicesOf[owner] == nil {
		w.slicesOf[owner] = map[string]bool{}
	}
	w.slicesOf[owner][slice.Name] = true
}

func (w *World) setGrant(grant *gatewayv1.ReferenceGrant, gone bool) {
	w.reshape(put(w.grants, grant, gone, generation))
	if w.grantsIn[grant.Namespace] == nil {
		w.grantsIn[grant.Namespace] = map[string]*gatewayv1.ReferenceGrant{}
	}
	delete(w.grantsIn[grant.Namespace], grant.Name)
	if !gone {
		w.grantsIn[grant.Namespace][grant.Name] = grant
	}
}

func (w *World) setNamespace(namespace *corev1.Namespace, gone bool) {
	old := w.namespaces[keyOf(namespace)]
	if gone || old == nil || !equality.Semantic.DeepEqual(old.Labels, namespace.Labels) {
		w.people++
		w.shape++
	}
	put(w.namespaces, namespace, gone, version)
}
