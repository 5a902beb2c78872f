// Package rule turns the parts of Gateway API's routes that refer to nothing into
// the gateway's: matches, header changes, redirects, rewrites, CORS, timeouts,
// retries and sessions.
//
// All functions are pure. What cannot be served is an error that says so to whoever
// wrote the route; a rule with one is not served at all.
package rule
