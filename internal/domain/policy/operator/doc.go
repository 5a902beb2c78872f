// Package operator is governance as the program runs it: it joins the packages
// that put policies in force, keep overrides and follow both, and holds no
// logic of its own.
//
// Who writes what: package enforce writes native policies and the status of
// policies; package override/operator the ledger and the status of overrides.
package operator
