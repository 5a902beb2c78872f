// Package serving has the certificates that Roadbed's own servers present to the
// API server: made on the spot for a server that lives in one process, kept in a
// Secret where several copies answer for one name.
package serving
