// Package pattern decides whether an object looks like a pattern in the
// language of kyverno.io/v1: a tree of the object's own shape whose leaves may
// hold wildcards and comparisons, and whose keys may be wrapped in anchors.
//
// Leaves: "nginx-*", "?*", "!latest", ">= 1Gi", "10-20", "1m!-2m", "a | b",
// "> 1 & < 9", numbers, booleans, null. A string that is a quantity or a
// duration compares as one.
//
// Anchors: (key) applies what stands beside it only where the key's value fits;
// =(key) checks a value where there is one; ^(key) wants one element of a list
// to fit; X(key) forbids the key; <(key) makes the whole pattern a condition;
// +(key) belongs to mutation and is a plain key here.
//
// Everything here is pure and safe for concurrent use. Neither the object nor
// the pattern is changed, whatever they hold, and no input makes it panic. Any
// package of governance may use it.
package pattern
