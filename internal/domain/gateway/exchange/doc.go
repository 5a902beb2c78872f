// Package exchange has the words in which the parts of the data plane talk about
// one request and its answer: fronts make an Exchange, the proxy fills it in,
// authentication, limits and fairness answer for it, observers read it.
//
// What always holds: an Exchange belongs to one goroutine from its first byte to
// its last; its strings may point into buffers that are used again, so who wants
// to keep one clones it.
package exchange
