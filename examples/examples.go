// Package examples holds the runnable examples, for the program that loads
// them and the tests that prove them. It is files and nothing else.
package examples

import "embed"

// Files are the example files, under the paths they have in this folder.
//
//go:embed corp-bank tenants
var Files embed.FS
