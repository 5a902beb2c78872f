// Package operator is the capability domain as the program runs it: it makes
// Capabilities and FeatureFlags true, judges changes of them at admission, and
// converts claims when the API server asks.
//
// What always holds: an alpha version's guard is there before its kind is
// served; a kind whose promised contract a spec breaks stays as it is; nothing
// of a Capability is taken away while there are claims of it, and taking the
// kind away deletes no claim, because there is none.
//
// The API server goes on without the advice of admission only for what is not a
// Capability or a FeatureFlag: for those two it must be registered to fail
// closed.
package operator
