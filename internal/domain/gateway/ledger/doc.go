// Package ledger knows who uses which version of which API: tenant, client,
// version, operation, how often and when last. A version is removed, and a break
// in its contract allowed, by what this ledger says.
//
//	exchange -> Ledger (in memory, exact) -> Store (SQL), every two seconds
//
// What always holds: a request that a backend was asked to answer is counted once;
// one that was refused, limited or matched nothing is no use and is not counted;
// what a Store could not take is kept and offered again. Memory is bounded: beyond
// Capacity different uses between two writes, further ones are dropped and counted
// as such, and never one that is already known.
//
// One goroutine, Run, writes; Record is called by all.
package ledger
