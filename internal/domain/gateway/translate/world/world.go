package world

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
// caller's and must not change while they are in it: Set replaces them. Its fields
// are for reading: only Set, Delete and SetFlags change them.
type World struct {
	Classes        map[Key]*gatewayv1.GatewayClass
	Gateways       map[Key]*gatewayv1.Gateway
	ListenerSets   map[Key]*gatewayv1.ListenerSet
	HTTPRoutes     map[Key]*gatewayv1.HTTPRoute
	GRPCRoutes     map[Key]*gatewayv1.GRPCRoute
	TLSPolicies    map[Key]*gatewayv1.BackendTLSPolicy
	Grants         map[Key]*gatewayv1.ReferenceGrant
	Services       map[Key]*corev1.Service
	Slices         map[Key]*discoveryv1.EndpointSlice
	Secrets        map[Key]*corev1.Secret
	ConfigMaps     map[Key]*corev1.ConfigMap
	Namespaces     map[Key]*corev1.Namespace
	Authorizations map[Key]*v1alpha1.AuthorizationPolicy
	RateLimits     map[Key]*v1alpha1.RateLimitPolicy
	Lifecycles     map[Key]*v1alpha1.LifecyclePolicy
	Subscriptions  map[Key]*v1alpha1.Subscription
	Flags          map[string]Flag

	// Classwork is raised by every change of a GatewayClass, which may matter to any
	// route.
	Classwork uint64
	// Frame is raised by every change of what is not a route, a Service or its
	// endpoints, also by those that matter to no route.
	Frame uint64
	// touched are the changes since Take that matter to routes and backends.
	touched map[Dependency]bool
	// grantsIn are the grants by namespace.
	grantsIn map[string]map[string]*gatewayv1.ReferenceGrant
	// SlicesOf are the names of the slices of a Service.
	SlicesOf map[Key]map[string]bool
	// People counts the changes of namespaces, subscriptions and flags.
	People uint64
}

// New returns a World with nothing in it.
func New() *World {
	return &World{
		Classes: map[Key]*gatewayv1.GatewayClass{}, Gateways: map[Key]*gatewayv1.Gateway{},
		ListenerSets: map[Key]*gatewayv1.ListenerSet{}, HTTPRoutes: map[Key]*gatewayv1.HTTPRoute{},
		GRPCRoutes: map[Key]*gatewayv1.GRPCRoute{}, TLSPolicies: map[Key]*gatewayv1.BackendTLSPolicy{},
		Grants: map[Key]*gatewayv1.ReferenceGrant{}, Services: map[Key]*corev1.Service{},
		Slices: map[Key]*discoveryv1.EndpointSlice{}, Secrets: map[Key]*corev1.Secret{},
		ConfigMaps: map[Key]*corev1.ConfigMap{}, Namespaces: map[Key]*corev1.Namespace{},
		Authorizations: map[Key]*v1alpha1.AuthorizationPolicy{}, RateLimits: map[Key]*v1alpha1.RateLimitPolicy{},
		Lifecycles: map[Key]*v1alpha1.LifecyclePolicy{}, Subscriptions: map[Key]*v1alpha1.Subscription{},
		Flags: map[string]Flag{}, touched: map[Dependency]bool{},
		SlicesOf: map[Key]map[string]bool{}, grantsIn: map[string]map[string]*gatewayv1.ReferenceGrant{},
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
	w.People++
	w.Frame++
	clear(w.Flags)
	for _, flag := range flags {
		w.Flags[flag.Name] = flag
	}
}

func (w *World) change(object client.Object, gone bool) {
	switch o := object.(type) {
	case *gatewayv1.HTTPRoute:
		w.touch(put(w.HTTPRoutes, o, gone, version), KindHTTPRoute, keyOf(o))
	case *gatewayv1.GRPCRoute:
		w.touch(put(w.GRPCRoutes, o, gone, version), KindGRPCRoute, keyOf(o))
	case *corev1.Service:
		w.setService(o, gone)
	case *discoveryv1.EndpointSlice:
		w.setSlice(o, gone)
	case *corev1.Namespace:
		w.setNamespace(o, gone)
	default:
		w.Frame++
		w.changeFrame(object, gone)
	}
}

func (w *World) changeFrame(object client.Object, gone bool) {
	switch o := object.(type) {
	case *gatewayv1.GatewayClass:
		w.Classwork += one(put(w.Classes, o, gone, generation))
	case *gatewayv1.Gateway:
		w.touch(put(w.Gateways, o, gone, generation), KindGateway, keyOf(o))
	case *gatewayv1.ListenerSet:
		w.touch(put(w.ListenerSets, o, gone, generation), KindListenerSet, keyOf(o))
	case *gatewayv1.BackendTLSPolicy:
		put(w.TLSPolicies, o, gone, version)
	case *gatewayv1.ReferenceGrant:
		w.setGrant(o, gone)
	case *corev1.Secret:
		put(w.Secrets, o, gone, version)
	case *corev1.ConfigMap:
		put(w.ConfigMaps, o, gone, version)
	case *v1alpha1.AuthorizationPolicy:
		w.touch(put(w.Authorizations, o, gone, identity), v1alpha1.KindAuthorizationPolicy, keyOf(o))
	case *v1alpha1.RateLimitPolicy:
		w.touch(put(w.RateLimits, o, gone, identity), v1alpha1.KindRateLimitPolicy, keyOf(o))
	case *v1alpha1.LifecyclePolicy:
		w.touch(put(w.Lifecycles, o, gone, identity), v1alpha1.KindLifecyclePolicy, keyOf(o))
	case *v1alpha1.Subscription:
		put(w.Subscriptions, o, gone, version)
		w.People++
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
	old := w.Services[key]
	w.touch(gone || old == nil || !samePorts(old, service), KindService, key)
	put(w.Services, service, gone, version)
}

func (w *World) setSlice(slice *discoveryv1.EndpointSlice, gone bool) {
	owner := Key{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
	if old := w.Slices[keyOf(slice)]; old != nil {
		before := Key{Namespace: old.Namespace, Name: old.Labels[discoveryv1.LabelServiceName]}
		delete(w.SlicesOf[before], old.Name)
		w.touch(true, KindEndpoints, before)
	}
	put(w.Slices, slice, gone, version)
	w.touch(true, KindEndpoints, owner)
	if gone {
		return
	}
	if w.SlicesOf[owner] == nil {
		w.SlicesOf[owner] = map[string]bool{}
	}
	w.SlicesOf[owner][slice.Name] = true
}

func (w *World) setGrant(grant *gatewayv1.ReferenceGrant, gone bool) {
	w.touch(put(w.Grants, grant, gone, generation), KindGrants, Key{Name: grant.Namespace})
	if w.grantsIn[grant.Namespace] == nil {
		w.grantsIn[grant.Namespace] = map[string]*gatewayv1.ReferenceGrant{}
	}
	delete(w.grantsIn[grant.Namespace], grant.Name)
	if !gone {
		w.grantsIn[grant.Namespace][grant.Name] = grant
	}
}

func (w *World) setNamespace(namespace *corev1.Namespace, gone bool) {
	old := w.Namespaces[keyOf(namespace)]
	if gone || old == nil || !equality.Semantic.DeepEqual(old.Labels, namespace.Labels) {
		w.Frame++
		w.People++
		w.touch(true, KindNamespace, keyOf(namespace))
	}
	put(w.Namespaces, namespace, gone, version)
}

// LabelsOf are the labels of a namespace.
func (w *World) LabelsOf(namespace string) map[string]string {
	if found := w.Namespaces[Key{Name: namespace}]; found != nil {
		return found.Labels
	}
	return map[string]string{corev1.LabelMetadataName: namespace}
}

// Has says whether a tenant of a business unit has the flag.
func (f Flag) Has(tenant, unit string) bool {
	if on, said := f.Tenants[tenant]; said {
		return on
	}
	if on, said := f.BusinessUnits[unit]; said {
		return on
	}
	return f.Everybody
}
