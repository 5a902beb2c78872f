// Package estate is what a cluster has of tenancy, and the few ways in which
// the domain's controllers read and change it: the world that decisions are
// made in, generated objects, the gates of namespaces, and the ledger of
// reservations.
//
// What always holds: a privileged action is on the trail before it happens; a
// namespace's gate is open only while every guardrail exists and its quota is
// enforced; an envelope is never overshot, because reservations are written by
// compare-and-swap.
//
// Only the packages of the tenancy domain import this one.
package estate
