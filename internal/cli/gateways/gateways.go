package gateways

import (
	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// program is what verbs share, with the verbs of this package as methods.
type program struct{ *verb.Program }

// Verb holds the verbs of the gateway.
func Verb(shared *verb.Program) *cobra.Command {
	p := &program{shared}
	cmd := verb.Family("gateway", "Serve the platform's APIs, or take them to other gateways",
		`The gateway stands in front of the platform's APIs: it knows who calls, bounds what
each tenant may ask for, and tells callers ahead what will go away.

It is described by Gateway API's kinds (Gateway, HTTPRoute, GRPCRoute) and by
AuthorizationPolicy, RateLimitPolicy, LifecyclePolicy and Subscription of the group
gateway.roadbed.dev, which routes name in filters of type ExtensionRef.`,
		p.runVerb(), p.exportVerb(),
	)
	cmd.Example = `  roadbed gateway run --address 10.0.0.7
  roadbed gateway export --for envoy-gateway > envoy-gateway.yaml
  roadbed gateway export --for istio --findings`
	cmd.GroupID = verb.GroupCluster
	cmd.Aliases = []string{"gateways"}
	return cmd
}
