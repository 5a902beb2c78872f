// Package lookup lets policies look at other objects of the cluster while they
// judge.
//
// It reads as Roadbed, with the rights that the role roadbed:policy-reader
// gives: who wants policies to read more kinds binds Roadbed's user to a role of
// their own. It writes nothing: beside GET it sends reviews of access, which
// change nothing. Secrets are never read, whatever Roadbed may do.
package lookup
