// Package dataplane holds the gateway's data plane together: its own sockets with
// each front, who calls, limits, fairness, the proxy and the leg to backends, joined
// as the product joins them, over loopback connections. It is where what one part
// lets pass would reach the next.
package dataplane
