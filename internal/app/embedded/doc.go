// Package embedded runs the whole platform on this machine, as one process: a
// control plane from standalone, what app.Install puts into it, and the server
// of app.Run, which works with Roadbed's own rights and no others.
//
// Beside what standalone keeps in the data directory there are
//
//	server.json      how far the process is and where it answers
//	trail.jsonl      the record of privileged actions
//	exports/         the objects of offboarded tenants
//	logs/roadbed.log what this process says
//
// Another process steers it through the data directory alone: Look reads how it
// is, Stop ends it. Only internal/cli imports the package.
package embedded
