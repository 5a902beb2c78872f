package capability

import (
	"cmp"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Settings are the names of the platform's own things.
type Settings struct {
	// Namespace is where routes, policies and documents are put.
	Namespace string
	// Gateway and GatewayNamespace name the Gateway that routes are attached to.
	Gateway, GatewayNamespace string
	// Hostnames that the HTTP API answers to; empty means all of the Gateway's.
	Hostnames []string
	// Service and Port, in Namespace, serve claims over HTTP.
	Service string
	Port    int32
	// Authorization names an AuthorizationPolicy in Namespace that guards all
	// APIs. When it is empty each API gets one that takes the cluster's own
	// tokens and API keys.
	Authorization string
}

// WithDefaults fills what is empty.
func (s Settings) WithDefaults() Settings {
	s.Namespace = cmp.Or(s.Namespace, identity.SystemNamespace)
	s.Gateway = cmp.Or(s.Gateway, "platform-api")
	s.GatewayNamespace = cmp.Or(s.GatewayNamespace, s.Namespace)
	s.Service = cmp.Or(s.Service, "platform-api")
	s.Port = cmp.Or(s.Port, 443)
	return s
}

// Guard is the AuthorizationPolicy, as "namespace/name", that guards a
// Capability's APIs at the gateway.
func (s Settings) Guard(c *v1alpha1.Capability) string {
	return s.Namespace + "/" + cmp.Or(s.Authorization, RouteName(c))
}
