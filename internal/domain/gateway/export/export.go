package export

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// Result is what was made.
type Result struct {
	// Objects in the order in which they can be created.
	Objects []*unstructured.Unstructured
	// Findings are what the other gateway cannot enforce, the gravest first.
	Findings []Finding
}

// export is one run.
type export struct {
	Input
	Options
	gateways []*gatewayv1.Gateway
	sets     []*gatewayv1.ListenerSet
	routes   []*route
	policies []*unstructured.Unstructured
	names    map[string]bool
	findings []Finding
}

// Export writes the input for another gateway. It fails only when it does not know
// that gateway.
func Export(in Input, opts Options) (Result, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return Result{}, err
	}
	x := &export{Input: in, Options: opts, names: map[string]bool{}}
	x.takeGateways()
	x.takeRoutes()
	x.announce()
	switch opts.For {
	case EnvoyGateway:
		x.envoy()
	case Istio:
		x.istio()
	case Kong:
		x.kong()
	}
	x.general()
	x.checkFeatures()
	return x.result()
}

// standard are the objects of Gateway API that are exported.
func (x *export) standard() (objects []client.Object) {
	add := func(object client.Object) { objects = append(objects, object) }
	each(x.gateways, add)
	each(x.sets, add)
	for _, r := range x.routes {
		add(r.object())
	}
	each(x.BackendTLSPolicies, add)
	each(x.ReferenceGrants, add)
	return objects
}

func (x *export) result() (Result, error) {
	made := Result{Findings: sorted(x.findings)}
	for _, object := range x.standard() {
		clean, err := authored(object)
		if err != nil {
			return Result{}, err
		}
		made.Objects = append(made.Objects, clean)
	}
	slices.SortFunc(made.Objects, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), compareNames(a, b))
	})
	slices.SortFunc(x.policies, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(a.GetKind(), b.GetKind()), compareNames(a, b))
	})
	made.Objects = append(made.Objects, x.policies...)
	return made, nil
}

func each[T client.Object](objects []T, do func(client.Object)) {
	for _, object := range objects {
		do(object)
	}
}

func compareNames(a, b client.Object) int {
	return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
}

// order of the standard kinds: what others refer to comes first.
func order(u *unstructured.Unstructured) int {
	return slices.Index([]string{"Gateway", "ListenerSet", "HTTPRoute", "GRPCRoute", "BackendTLSPolicy", "ReferenceGrant"}, u.GetKind())
}

// authored is an object as its author would write it.
func authored(object client.Object) (*unstructured.Unstructured, error) {
	kind := kindOf(object)
	data, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("write %s %s: %w", kind, types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}, err)
	}
	fields := map[string]any{}
	if err := utiljson.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("write %s %s: %w", kind, object.GetName(), err)
	}
	delete(fields, "status")
	metadata := map[string]any{"name": object.GetName()}
	if object.GetNamespace() != "" {
		metadata["namespace"] = object.GetNamespace()
	}
	was, _ := fields["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		texts, _ := was[field].(map[string]any)
		delete(texts, "kubectl.kubernetes.io/last-applied-configuration")
		if len(texts) > 0 {
			metadata[field] = texts
		}
	}
	fields["metadata"] = metadata
	fields["apiVersion"], fields["kind"] = gatewayv1.GroupVersion.String(), kind
	return &unstructured.Unstructured{Object: fields}, nil
}

// kindOf is the kind of an object of Gateway API or Roadbed's.
func kindOf(object client.Object) string {
	switch object.(type) {
	case *gatewayv1.Gateway:
		return "Gateway"
	case *gatewayv1.ListenerSet:
		return "ListenerSet"
	case *gatewayv1.HTTPRoute:
		return "HTTPRoute"
	case *gatewayv1.GRPCRoute:
		return "GRPCRoute"
	case *gatewayv1.BackendTLSPolicy:
		return "BackendTLSPolicy"
	case *gatewayv1.ReferenceGrant:
		return "ReferenceGrant"
	case *v1alpha1.AuthorizationPolicy:
		return v1alpha1.KindAuthorizationPolicy
	case *v1alpha1.RateLimitPolicy:
		return v1alpha1.KindRateLimitPolicy
	case *v1alpha1.LifecyclePolicy:
		return v1alpha1.KindLifecyclePolicy
	case *v1alpha1.Subscription:
		return "Subscription"
	}
	return object.GetObjectKind().GroupVersionKind().Kind
}

// title names an object to people.
func title(object client.Object) string {
	return fmt.Sprintf("%s %s/%s", kindOf(object), object.GetNamespace(), object.GetName())
}

// lose notes what the other gateway cannot do.
func (x *export) lose(object, field string, effect Effect, lost, do string) {
	x.findings = append(x.findings, Finding{Object: object, Field: field, Effect: effect, Lost: lost, Do: do})
}

// policy adds an object of the other gateway. The name gets a number when it is
// taken; policy returns what it became.
func (x *export) policy(apiVersion, kind, namespace, name string, content map[string]any) string {
	name = x.unused(kind+" "+namespace+"/", name)
	fields := map[string]any{
		"apiVersion": apiVersion, "kind": kind,
		"metadata": map[string]any{"namespace": namespace, "name": name},
	}
	for key, value := range content {
		fields[key] = plain(value)
	}
	x.policies = append(x.policies, &unstructured.Unstructured{Object: fields})
	return name
}

// unused is the name, with a number behind it when it is taken.
func (x *export) unused(space, name string) string {
	const longest = 240
	name = strings.TrimRight(name[:min(len(name), longest)], "-.")
	for free, n := name, 2; ; n++ {
		if !x.names[space+free] {
			x.names[space+free] = true
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

// plain is a value as JSON has it. What this package makes always has a form there.
func plain(value any) any {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	var out any
	if err := utiljson.Unmarshal(data, &out); err != nil {
		panic(err)
	}
	return out
}
