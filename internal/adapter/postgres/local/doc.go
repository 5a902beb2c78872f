// Package local runs a PostgreSQL server of Roadbed's own from the binaries that
// are installed on the machine.
//
// What always holds:
//
//   - It listens on 127.0.0.1 only, and takes passwords by SCRAM only.
//   - It never runs as root: where Roadbed is root it is the user postgres, or
//     nobody where there is none. That user needs no way into the folders above.
//   - It is started when it is first needed and, where it has data, at once; one
//     that ends is started again after a pause that grows.
//   - It never outlives Roadbed, even when that dies by kill -9: a shell that
//     runs beside it holds the read end of a pipe and ends it when the pipe
//     closes.
//   - A folder that is half made is made anew; one with data is never deleted.
//
// The folder, readable by its owner alone:
//
//	admin-password   of the role roadbed
//	port             where it listens, the same after every start if it is free
//	output.log       what it said before it had a log
//	server/data/     the database cluster, with its log in log/
package local
