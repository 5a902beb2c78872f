// Package schema reads the schemas of claims: it decodes them, names their
// fields for people, and makes samples of what they allow.
//
// What always holds: everything is deterministic, schemas that a caller hands
// in are never changed, and no schema makes it recurse without end, because the
// API server's schemas have no references.
package schema
