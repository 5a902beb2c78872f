package translate

import (
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/address"
)

// Controller is what a GatewayClass names to be served by Roadbed.
const Controller = "gateway.roadbed.dev/controller"

// ClusterAudience is what tokens of the cluster's service accounts are for,
// unless a policy says otherwise.
const ClusterAudience = "platform-api"

// Address is one that Gateways can have.
type Address = address.Address

// Settings are what a Translator knows of the process it serves.
type Settings struct {
	// Controller is what GatewayClasses name; Controller where empty.
	Controller string
	// Addresses are those that Gateways can have, the first one first. A Gateway
	// gets one of its own while there are enough, and then one on which its ports
	// are free.
	Addresses []Address
	// Port says which port to listen on for a listener's; nil means the same one.
	Port func(port int32) uint16
	// ClusterIssuer is what the cluster's own tokens have in their claim iss.
	ClusterIssuer string
	// BundleVersion is the version of the Gateway API definitions in the cluster,
	// such as v1.6.3; empty where it is not known.
	BundleVersion string
	// Own are the endpoints of Services that this very process serves, in plain text
	// on this machine. They stand in the place of those that the cluster has.
	Own map[Key][]gateway.Endpoint
}

func (s Settings) withDefaults() Settings {
	if s.Controller == "" {
		s.Controller = Controller
	}
	if s.Port == nil {
		s.Port = func(port int32) uint16 { return uint16(port) }
	}
	return s
}
