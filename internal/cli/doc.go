// Package cli is the roadbed command: the tree of its verbs, and those that look
// after the platform itself. The verbs of tenants, of business units and tiers,
// and doctor have packages of their own below it; package verb is what all stand
// on. A verb parses its arguments, calls a function of the product and prints
// what came of it.
//
// What holds for every verb: results go to Env.Out and everything else to
// Env.Err; an error begins with "error: "; nothing reads the process's
// environment or clock but through Env; a verb that changes something can say
// beforehand what it would change.
//
// Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 a dry run or plan
// found differences.
//
// Only cmd/roadbed may import it and the packages below it.
package cli
