// Package listing lists, prints and completes Roadbed's kinds: which columns
// each has, how its objects are sorted, and the verbs list, get and describe
// that are the same for all.
package listing
