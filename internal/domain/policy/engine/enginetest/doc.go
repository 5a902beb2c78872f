// Package enginetest holds verdicts of the engine against those of a real API
// server, for tests: objects made up from a seed, and a server that is asked
// with dry-run requests. Only tests import it.
package enginetest
