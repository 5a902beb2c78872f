// Package authn decides who calls and whether they may: it verifies tokens, API
// keys and client certificates, finds the tenant, and applies the rules of
// authorization policies.
//
//	Exchange -> credential -> token cache -> Identity -> tenant, rules -> Identity or Refusal
//	                            \-> signature <- key set of the issuer, kept fresh
//
// What always holds: a token is believed only if a key that its issuer publishes
// now has signed it, with an algorithm that goes with that very key; it is for
// this audience; it has begun and not ended. A token that was verified once is
// remembered until it ends, its key goes, or its issuer has been out of reach for
// too long; remembering it costs no allocation. Memory is bounded.
//
// Key sets are fetched when a policy names the issuer, and every five minutes. A
// key that is not known is asked for at once, but an issuer is never asked more
// than once a second, whoever calls with whatever; those who wait for the answer
// wait together. While an issuer cannot be reached its keys are used for as long
// as the policy says. What cannot be decided is refused with 503, never let pass
// and never called 401: a client must not throw away a good token.
//
// Refusals tell callers what to do and nothing of whom else we trust.
package authn
