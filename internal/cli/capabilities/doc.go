// Package capabilities has the verbs of capabilities and feature flags: list,
// look at, check, compare, publish and deprecate capabilities, and switch flags
// for tenants.
package capabilities
