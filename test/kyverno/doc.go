// Package kyverno runs the tests that Kyverno has of its command line, as
// Roadbed reads them, and counts what is met: "make conformance-kyverno" fetches
// them for that. Nothing of Kyverno's is kept or linked.
package kyverno
