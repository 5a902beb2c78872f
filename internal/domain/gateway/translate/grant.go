package translate

import (
	"cmp"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// group is Gateway API's.
const group = gatewayv1.GroupName

// Kinds, as references have them.
const (
	kindGateway     = "Gateway"
	kindListenerSet = "ListenerSet"
	kindService     = "Service"
)

// deref returns what a pointer points at, or the default.
func deref[T any](pointer *T, otherwise T) T {
	if pointer == nil {
		return otherwise
	}
	return *pointer
}

// text returns the text behind a pointer, or the default where there is none.
func text[T ~string](pointer *T, otherwise string) string {
	return cmp.Or(string(deref(pointer, "")), otherwise)
}
