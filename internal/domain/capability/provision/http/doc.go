// Package http provisions claims by a service of the capability's team, over a
// contract of two requests. A claim's address is URL/UID, so every request may be
// repeated, and a claim of the same name is another one.
//
// PUT URL/UID with a Request makes the claim true, or finds that it is; DELETE
// URL/UID with a Request ends it, by the policy. Both carry the header
// Idempotency-Key, which is the same for the same wish, and Authorization with
// the token if there is one: "Bearer" and the key token of the Secret that the
// capability names, in Roadbed's namespace and labelled for that capability. It is
// read for each request, so that whoever changes it may do so in any order with
// the service, as long as that takes both for a moment. The service answers within
// the timeout:
//
//	200 with a Response: what is so now. Roadbed asks again until it is ready
//	202 with a Response: it takes time
//	204 to DELETE: nothing is left; 404 means the same
//	400, 409, 422 with a Problem (RFC 9457): the user must act; its detail is shown
//	anything else, or no answer: tried again with growing pauses
//
// Answers are read up to a bound, redirects are not followed, and a token is sent
// over TLS or to this machine only. POST URL/plan with a Request may answer what PUT would
// do; 404 means that the service does not say.
package http
