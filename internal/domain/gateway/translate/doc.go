// Package translate decides what the gateway's objects in a cluster mean: the
// Config that gateways serve, and the statuses that people read, exactly as
// Gateway API specifies both.
//
//	World (objects, as the cluster has them) -> Translator -> gateway.Config
//	                                                       \-> statuses that differ
//
// What always holds: it calls nobody and reads no clock; the same World gives the
// same Config and the same statuses; what a reference may not have, or what is not
// there, never becomes an open door: a rule that names a policy which cannot be
// enforced answers 500. Only GatewayClasses that name this controller, and what
// hangs on them, get a status.
//
// A Translator remembers what it made of each route and backend, and what that needed:
// the World tells what changed, and only what needed that is made anew. Gateways and
// policies, which are few, are gone through where one of them changed (the frame). A
// test holds what follows from changes in any order against a Translator that sees the
// World for the first time. A Translator is not safe for concurrent use: whoever changes
// the World and whoever translates it take turns.
package translate
