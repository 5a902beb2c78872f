// Package claims holds the verbs of claims: what one would make, what there are,
// who agrees to them, and which revision renders them.
package claims
