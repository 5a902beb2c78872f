// Package world holds the objects of a cluster that the gateway looks at, indexed as
// translate asks for them, with counters that tell which changes matter to whom.
//
// A World is plain memory: it calls nobody, and is not safe for concurrent use.
package world
