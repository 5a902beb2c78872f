// Package query says in CEL what a query in JMESPath says.
//
// JMESPath counts what is not there as null in most places, and CEL as an error:
// what may be absent becomes an optional of CEL, of which none stands for null.
// Where JMESPath fails because a key is not there, CEL fails as well.
//
// Nobody tells of what type a field is. Lists are known by what is done with
// them, and a field may hold anything: callers compare with that in mind, and
// package proof finds out where it was not enough.
//
// Everything is pure. A query that has no like in CEL gives an error that names
// the part of it that has none.
package query
