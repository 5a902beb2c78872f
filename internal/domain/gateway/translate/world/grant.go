package world

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Referrer is an object of Gateway API's that refers to others.
type Referrer struct{ Kind, Namespace, Name string }

// String is the kind and the name, for people.
func (r Referrer) String() string { return fmt.Sprintf("%s %q", r.Kind, r.Namespace+"/"+r.Name) }

// Permitted says whether the Referrer may refer to the core object of that kind.
func (w *World) Permitted(from Referrer, kind string, to Key) bool {
	if from.Namespace == to.Namespace {
		return true
	}
	for _, grant := range w.grantsIn[to.Namespace] {
		if grants(&grant.Spec, from, kind, to.Name) {
			return true
		}
	}
	return false
}

func grants(spec *gatewayv1.ReferenceGrantSpec, from Referrer, kind, name string) bool {
	return anyOf(spec.From, func(f *gatewayv1.ReferenceGrantFrom) bool {
		return f.Group == gatewayv1.GroupName && string(f.Kind) == from.Kind && string(f.Namespace) == from.Namespace
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

// MissingGrant says which ReferenceGrant would permit a reference, in a form that
// can be applied.
func MissingGrant(from Referrer, kind string, to Key) string {
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
`, from, kind, to.String(), to.Namespace, to.Name, from.Namespace, to.Namespace, from.Kind, from.Namespace, kind, to.Name)
}

// From is an object that refers to others.
func From(kind, namespace, name string) Referrer {
	return Referrer{Kind: kind, Namespace: namespace, Name: name}
}
