// Package cli is the roadbed command: every verb, one file each, that parses
// its arguments, calls a function of the product and prints what came of it.
//
// What holds for every verb: results go to Env.Out and everything else to
// Env.Err; an error is one line that begins with "error: "; nothing reads the
// process's environment, files of its own or clock but through Env; a verb that
// changes something can say beforehand what it would change.
//
// Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 a dry run or plan
// found differences.
//
// Only cmd/roadbed may import the package.
package cli
