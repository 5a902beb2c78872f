// Package verb is what every verb stands on: the world outside, the flags that
// all verbs share, the way to the cluster, exit codes, and how results are
// printed.
//
// Nothing in it reads the process's environment or clock but through Env, and
// nothing writes but to Env.Out (results) and Env.Err (everything else). Only
// packages under internal/cli may import it.
package verb
