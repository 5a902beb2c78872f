// Package render turns Helm charts and kustomizations in folders into the
// objects that they would install, without a cluster. Helm's function lookup
// finds nothing there, and hooks are objects like any other.
package render
