// Package lifecycle decides whether a Capability may change as somebody wishes:
// which stage follows which, what each stage promises, and what has to be over
// before a version goes.
//
// What always holds: deciding is pure; a refusal lists what would be legal, what
// breaks, and who would notice.
package lifecycle
