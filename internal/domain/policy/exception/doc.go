// Package exception lets exceptions and overrides that stand in files count as
// if they were in force: Kyverno's PolicyException, legacy and CEL, and
// PolicyOverride.
//
// It is for the command line, which shows what files say. In a cluster an
// exception without expiry is an override in need of approval; here it exempts
// at once, from Mandatory policies too, as it would with Kyverno. An override
// counts here exactly when it does in a cluster: approved, on the trail, and not
// over.
package exception
