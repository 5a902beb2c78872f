// Package manifest reads objects from files, compares them with what is live and
// sends them to a cluster.
//
// What always holds: a mistake is named with its file and line, all of them and
// not only the first; a comparison sees only what the wanted object has a word
// on; what is sent was tried as a dry run before.
package manifest
