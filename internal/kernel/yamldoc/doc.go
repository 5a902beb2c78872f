// Package yamldoc reads YAML and JSON documents strictly and knows the line of
// every field, so that whoever finds a mistake can say where it is.
//
// A stream is cut into documents at lines that begin with ---. Values mean what
// they mean to kubectl: YAML 1.1, so that yes is true. A field that a type does
// not have, a repeated field and a value of the wrong type are mistakes.
package yamldoc
