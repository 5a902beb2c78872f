// Package conversion turns claims of one version into claims of another, by the
// rules that a Capability declares in CEL, and answers the API server when it
// asks.
//
// What always holds: what both versions have at the same place with the same
// type is taken over; what the other version lacks is kept in an annotation, so
// that a claim that is converted and converted back is what it was; metadata
// other than that annotation is never changed.
//
// While nobody answers, the API server serves no claims in a version other than
// the one that they are stored in, and takes none; what was provisioned goes on.
package conversion
