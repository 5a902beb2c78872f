// Package operator keeps a gateway fed and its objects told: it follows the
// gateway's objects in a cluster, has package translate decide what they mean, and
// gives the Config to whoever serves it.
//
//	watches -> World -> translate -> Sink (at once), statuses (one after the other)
//
// What always holds: only what changed is written; many changes at once are one
// translation; a Sink gets no Config before everything was read once. Every process
// feeds its own Sink; only the leader writes.
//
// Who writes what: Feed alone writes the statuses of Gateway API's kinds and of the
// gateway's policies, and GatewayClass "roadbed" when there is none; the Subscription
// controller alone writes Subscriptions' statuses and their Secrets. Secrets and
// ConfigMaps are read one by one, those that something refers to and no others.
package operator
