// Package kinds puts definitions of kinds into a cluster: Roadbed's own, always,
// and those that others defined and Roadbed reads, where they are absent.
//
// What always holds: a definition that somebody else installed is never changed.
package kinds
