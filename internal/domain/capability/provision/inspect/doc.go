// Package inspect judges provisioners before they are published: whether what a
// version of a Capability renders claims with can be compiled, and whether its
// permissions may be given. It reads no cluster and no network, so that admission
// and the command line judge alike; a chart by URL is not loaded.
//
// Whatever it lets pass, the claims' controller compiles again: a revision may be
// older than this program.
package inspect
