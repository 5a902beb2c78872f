// Package entry compiles and loads the context entries of kyverno.io/v1 rules:
// variables that come from values and expressions, from ConfigMaps, from the API
// server, from registries and from the global context.
//
// Loading asks the World it is given and nothing else. Where the World has no
// means for it, the error is policy.ErrNoWorld.
package entry
