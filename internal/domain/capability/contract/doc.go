// Package contract says what a change of a capability's version breaks: for
// those who write claims by the API server, by comparing the schemas, and for
// those who call the HTTP API, by comparing the OpenAPI documents with oasdiff.
//
// What always holds: comparing is pure; the same pair gives the same breaks in
// the same order; a change that is in doubt counts as a break.
package contract
