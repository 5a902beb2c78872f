// Package gateways has the verbs of the gateway that faces the callers of the
// platform's APIs.
//
// Its verbs change nothing in the cluster.
package gateways
