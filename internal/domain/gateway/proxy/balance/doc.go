// Package balance chooses who answers: a backend by weight, then the less loaded
// of two of its endpoints, leaving out those that do not answer.
//
// What is known of an endpoint (its load, its breaker) and of a backend (its
// budget of retries) outlives the Configs it appears in, and goes when it does.
//
// A breaker opens after a number of failures in a row to get any answer from the
// endpoint: connections refused or cut and answers that are not HTTP. Statuses
// say something of the service, time limits of the rule that sets them; neither
// opens a breaker. An open breaker lets one request through each time its period
// ends, and closes when that is answered.
//
// Everything but Registry is safe for any number of goroutines and takes no lock.
package balance
