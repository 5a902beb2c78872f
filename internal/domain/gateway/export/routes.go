package export

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// route is a copy of an HTTPRoute or GRPCRoute, and what guards its rules.
type route struct {
	// One of http and grpc is set.
	http *gatewayv1.HTTPRoute
	grpc *gatewayv1.GRPCRoute
	// gateways it is attached to, of those that are exported.
	gateways []types.NamespacedName
	// orphan says that it is attached to a Gateway whose name is not known.
	orphan bool
	rules  []*rule
}

// rule is what guards one rule of a route.
type rule struct {
	route  *route
	index  int
	auth   []*v1alpha1.AuthorizationPolicy
	limits []*v1alpha1.RateLimitPolicy
	life   *v1alpha1.LifecyclePolicy
	// closed says that the rule has no backends any more.
	closed bool
}

func (r *route) object() client.Object {
	if r.http != nil {
		return r.http
	}
	return r.grpc
}

func (r *route) namespace() string { return r.object().GetNamespace() }
func (r *route) name() string      { return r.object().GetName() }
func (r *route) kind() string      { return kindOf(r.object()) }
func (r *route) title() string     { return title(r.object()) }

func (r *route) parents() []gatewayv1.ParentReference {
	if r.http != nil {
		return r.http.Spec.ParentRefs
	}
	return r.grpc.Spec.ParentRefs
}

func (r *route) hostnames() []gatewayv1.Hostname {
	if r.http != nil {
		return r.http.Spec.Hostnames
	}
	return r.grpc.Spec.Hostnames
}

// field is the path of the rule in its route.
func (r *rule) field() string { return fmt.Sprintf("spec.rules[%d]", r.index) }

// section is the rule's name, for policies that are meant for it alone; it gets
// one when it has none.
func (r *rule) section() string {
	name := r.name()
	if *name == nil {
		made := gatewayv1.SectionName(fmt.Sprintf("rule-%d", r.index+1))
		*name = &made
	}
	return string(**name)
}

func (r *rule) name() **gatewayv1.SectionName {
	if r.route.http != nil {
		return &r.route.http.Spec.Rules[r.index].Name
	}
	return &r.route.grpc.Spec.Rules[r.index].Name
}

// close takes the backends away, so that the rule answers 500, or UNAVAILABLE.
func (r *rule) close() {
	r.closed = true
	if r.route.http == nil {
		spec := &r.route.grpc.Spec.Rules[r.index]
		spec.BackendRefs = nil
		spec.Filters = slices.DeleteFunc(spec.Filters, func(f gatewayv1.GRPCRouteFilter) bool { return f.RequestMirror != nil })
		return
	}
	spec := &r.route.http.Spec.Rules[r.index]
	spec.BackendRefs = nil
	spec.Filters = slices.DeleteFunc(spec.Filters, func(f gatewayv1.HTTPRouteFilter) bool {
		return f.RequestMirror != nil || f.RequestRedirect != nil
	})
}

// takeRoutes copies the routes that are attached to exported Gateways.
func (x *export) takeRoutes() {
	for _, source := range x.HTTPRoutes {
		r := &route{http: source.DeepCopy()}
		for i := range r.http.Spec.Rules {
			spec := &r.http.Spec.Rules[i]
			own := &rule{route: r, index: i}
			r.rules = append(r.rules, own)
			spec.Filters = takeOwn(x, own, spec.Filters, func(f gatewayv1.HTTPRouteFilter) *gatewayv1.LocalObjectReference { return f.ExtensionRef })
			for b := range spec.BackendRefs {
				spec.BackendRefs[b].Filters = takeNone(x, own, b, spec.BackendRefs[b].Filters,
					func(f gatewayv1.HTTPRouteFilter) *gatewayv1.LocalObjectReference { return f.ExtensionRef })
			}
		}
		x.takeRoute(r)
	}
	for _, source := range x.GRPCRoutes {
		r := &route{grpc: source.DeepCopy()}
		for i := range r.grpc.Spec.Rules {
			spec := &r.grpc.Spec.Rules[i]
			own := &rule{route: r, index: i}
			r.rules = append(r.rules, own)
			spec.Filters = takeOwn(x, own, spec.Filters, func(f gatewayv1.GRPCRouteFilter) *gatewayv1.LocalObjectReference { return f.ExtensionRef })
			for b := range spec.BackendRefs {
				spec.BackendRefs[b].Filters = takeNone(x, own, b, spec.BackendRefs[b].Filters,
					func(f gatewayv1.GRPCRouteFilter) *gatewayv1.LocalObjectReference { return f.ExtensionRef })
			}
		}
		x.takeRoute(r)
	}
	slices.SortStableFunc(x.routes, func(a, b *route) int { return compareNames(a.object(), b.object()) })
	x.closeUnresolved()
}

// takeRoute keeps a route, unless it is attached to Gateways of others only.
func (x *export) takeRoute(r *route) {
	var kept []gatewayv1.ParentReference
	own := false
	for i, parent := range r.parents() {
		gateway, _ := x.parent(parent, r.namespace())
		field := fmt.Sprintf("spec.parentRefs[%d]", i)
		switch {
		case gateway == nil:
			own = true
			x.takeOrphan(r, field, parent)
		case x.own(gateway):
			own = true
			r.gateways = append(r.gateways, client.ObjectKeyFromObject(gateway))
		case string(gateway.Spec.GatewayClassName) == x.Class:
			r.gateways = append(r.gateways, client.ObjectKeyFromObject(gateway))
		default:
			x.lose(r.title(), field, Missing, "the route is not attached there to "+title(gateway)+", which is of another class", "nothing, if that Gateway stays where it is")
			continue
		}
		kept = append(kept, parent)
	}
	if !own {
		x.findings = slices.DeleteFunc(x.findings, func(f Finding) bool { return f.Object == r.title() })
		return
	}
	r.setParents(kept)
	slices.SortFunc(r.gateways, compareKeys)
	r.gateways = slices.Compact(r.gateways)
	x.routes = append(x.routes, r)
}

// takeOrphan notes a parent that is not in the input. A Gateway is known by its
// name all the same.
func (x *export) takeOrphan(r *route, field string, parent gatewayv1.ParentReference) {
	x.lose(r.title(), field, Missing, "the parent is not among what is exported, and is named as it was",
		"export it too, or make one of that name for the other gateway")
	if parent.Kind == nil || *parent.Kind == "Gateway" {
		r.gateways = append(r.gateways, types.NamespacedName{Namespace: namespaceOr(parent.Namespace, r.namespace()), Name: string(parent.Name)})
		return
	}
	r.orphan = true
}

func (r *route) setParents(parents []gatewayv1.ParentReference) {
	if r.http != nil {
		r.http.Spec.ParentRefs = parents
		return
	}
	r.grpc.Spec.ParentRefs = parents
}

func compareKeys(a, b types.NamespacedName) int {
	return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
}

// ownRef says whether a filter names one of Roadbed's policies.
func ownRef(ref *gatewayv1.LocalObjectReference) bool {
	if ref == nil {
		return false
	}
	switch ref.Kind {
	case v1alpha1.KindAuthorizationPolicy, v1alpha1.KindRateLimitPolicy:
		return string(ref.Group) == v1alpha1.GroupVersion.Group || string(ref.Group) == v1alpha1.AliasGroup
	}
	return string(ref.Group) == v1alpha1.GroupVersion.Group
}

// takeOwn resolves the filters that name Roadbed's policies and returns the others.
func takeOwn[F any](x *export, r *rule, filters []F, ref func(F) *gatewayv1.LocalObjectReference) (kept []F) {
	for i, filter := range filters {
		named := ref(filter)
		if !ownRef(named) {
			kept = append(kept, filter)
			continue
		}
		if !x.resolve(r, *named) {
			r.closed = true
			x.lose(r.route.title(), fmt.Sprintf("%s.filters[%d]", r.field(), i), Closed,
				fmt.Sprintf("%s %s/%s is not among what is exported, and the rule answers 500", named.Kind, r.route.namespace(), named.Name),
				"export it too")
		}
	}
	return kept
}

// takeNone removes Roadbed's policies from the filters of a backend: no other
// gateway has any for a single one.
func takeNone[F any](x *export, r *rule, backend int, filters []F, ref func(F) *gatewayv1.LocalObjectReference) []F {
	return slices.DeleteFunc(slices.Clone(filters), func(filter F) bool {
		named := ref(filter)
		if !ownRef(named) {
			return false
		}
		r.closed = true
		x.lose(r.route.title(), fmt.Sprintf("%s.backendRefs[%d].filters", r.field(), backend), Closed,
			fmt.Sprintf("%s %s cannot guard a single backend, and the rule answers 500", named.Kind, named.Name),
			"name it in the filters of the rule, or give the backend a rule of its own")
		return true
	})
}

// resolve finds a policy that a rule names.
func (x *export) resolve(r *rule, ref gatewayv1.LocalObjectReference) (ok bool) {
	namespace, name := r.route.namespace(), string(ref.Name)
	switch ref.Kind {
	case v1alpha1.KindAuthorizationPolicy:
		var policy *v1alpha1.AuthorizationPolicy
		if policy, ok = find(x.Authorizations, namespace, name); ok {
			r.auth = append(r.auth, policy)
		}
	case v1alpha1.KindRateLimitPolicy:
		var policy *v1alpha1.RateLimitPolicy
		if policy, ok = find(x.RateLimits, namespace, name); ok {
			r.limits = append(r.limits, policy)
		}
	case v1alpha1.KindLifecyclePolicy:
		r.life, ok = find(x.Lifecycles, namespace, name)
	}
	return ok
}

// closeUnresolved closes the rules whose policies were not found.
func (x *export) closeUnresolved() {
	for _, r := range x.routes {
		for _, rule := range r.rules {
			if rule.closed {
				rule.close()
			}
		}
	}
}

// gatewayKeys are the Gateways that are exported or that exported routes name.
func (x *export) gatewayKeys() (keys []types.NamespacedName) {
	for _, gateway := range x.gateways {
		keys = append(keys, client.ObjectKeyFromObject(gateway))
	}
	for _, r := range x.routes {
		keys = append(keys, r.gateways...)
	}
	slices.SortFunc(keys, compareKeys)
	return slices.Compact(keys)
}

// open are the rules that still have backends.
func (x *export) open() (rules []*rule) {
	for _, r := range x.routes {
		for _, rule := range r.rules {
			if !rule.closed {
				rules = append(rules, rule)
			}
		}
	}
	return rules
}
