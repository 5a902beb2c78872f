// Package request shows a policy.Request to the API server's packages: decoded,
// with its namespace, matched by a policy's constraints, with the parameters of a
// binding, and with somebody to ask about authorization.
//
// Only package engine uses it.
package request
