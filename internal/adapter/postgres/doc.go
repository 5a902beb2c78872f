// Package postgres administers a PostgreSQL server: databases that only their
// own logins may connect to, logins whose passwords change without an
// interruption, and dumps.
//
// What always holds:
//
//   - Every method finds out what is there and does the rest: one that died
//     between any two statements is called again and comes to the same end.
//   - A database is closed to everybody until nobody but its owner role may
//     connect to it.
//   - The server never sees a password: it is told the SCRAM verifier.
//   - Names are quoted; no error and no log holds a password.
//
// A database belongs to the administrator. Its owner role may connect to it,
// create schemas and trusted extensions in it and owns the schema public, but
// can neither let others in nor change its limits. Logins are members of the
// owner role and act as it, so that what one made the next one owns.
//
// Package local, below, runs a server of Roadbed's own.
package postgres
