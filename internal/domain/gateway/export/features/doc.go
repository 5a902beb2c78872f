// Package features tells which features of Gateway API an object asks for, by the
// names that the status of a GatewayClass has. It is pure.
package features
