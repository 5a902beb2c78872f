// Package proof compares two forms of a policy's rule on requests that are made
// up around it.
//
// What the rule names is there, absent, of another value or of another type, in
// one container or in several; objects are created, put into running Pods to
// debug them, changed and deleted. Objects are changed in every way that counts:
// from right to wrong and back, from wrong to wrong in the same place and in
// another, in nothing but a label, and not at all.
//
// A proof over examples is no proof over everything: it says how many requests
// there were, of which kinds, and how many of them the rule concerned and
// refused. The same seed makes the same requests.
package proof
