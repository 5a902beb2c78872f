// Package doctor checks a cluster for what Roadbed needs.
//
// A check asks the cluster and changes nothing in it: what has to be tried is
// tried as a dry run. What it cannot find out it says so, and never guesses.
package doctor
