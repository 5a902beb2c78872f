package translate

import (
	"cmp"
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// group is Gateway API's.
const group = gatewayv1.GroupName

// Kinds, as references have them.
const (
	kindGateway     = "Gateway"
	kindListenerSet = "ListenerSet"
	kindService     = "Service"
	kindSecret      = "Secret"
	kindConfigMap   = "ConfigMap"
)

// referrer is an object of Gateway API's that refers to others.
type referrer struct{ kind, namespace, name string }

func (r referrer) String() string { return fmt.Sprintf("%s %q", r.kind, r.namespace+"/"+r.name) }

// permitted says whether the referrer may refer to the core object of that kind.
func (w *World) permitted(from referrer, kind string, to Key) bool {
	if from.namespace == to.Namespace {
		return true
	}
	for _, grant := range w.grantsIn[to.Namespace] {
		if grants(&grant.Spec, from, kind, to.Name) {
			return true
		}
	}
	return false
}

func grants(spec *gatewayv1.ReferenceGrantSpec, from referrer, kind, name string) bool {
	return anyOf(spec.From, func(f *gatewayv1.ReferenceGrantFrom) bool {
		return f.Group == group && string(f.Kind) == from.kind && string(f.Namespace) == from.namespace
	}) && anyOf(spec.To, func(t *gatewayv1.ReferenceGrantTo) bool {
		return t.Group == "" && string(t.Kind) == kind && (t.Name == nil || *t.Name == "" || string(*t.Name) == name)
	})
}

func anyOf[T any](list []T, holds func(*T) bool) bool {
	for i := range list {
		if holds(&list[i]) {
			return true
		}
	}
	return false
}

// missingGrant says which ReferenceGrant would permit a reference, in a form that
// can be applied.
func missingGrant(from referrer, kind string, to Key) string {
	return fmt.Sprintf(`%s may not refer to %s %q, because that is in another namespace and no ReferenceGrant there allows it. Whoever owns namespace %q can allow it with:
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata:
  name: %s-from-%s
  namespace: %s
spec:
  from:
  - group: gateway.networking.k8s.io
    kind: %s
    namespace: %s
  to:
  - group: ""
    kind: %s
    name: %s
`, from, kind, to.String(), to.Namespace, to.Name, from.namespace, to.Namespace, from.kind, from.namespace, kind, to.Name)
}

// deref returns what a pointer points at, or the default.
func deref[T any](pointer *T, otherwise T) T {
	if pointer == nil {
		return otherwise
	}
	return *pointer
}

// text returns the text behind a pointer, or the default where there is none.
func text[T ~string](pointer *T, otherwise string) string {
	if pointer == nil {
		return otherwise
	}
	return cmp.Or(string(*pointer), otherwise)
}
