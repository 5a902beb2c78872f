// Package database fulfils claims for a database on a PostgreSQL server: a
// database, a role that owns what is in it, a login with its password in the
// connection Secret, rotation of that password, and backups.
//
// What always holds:
//
//   - Names follow from the claim's name and UID. Another claim of the same name
//     gets another database, and never comes into the first one's data.
//   - Two logins take turns. A new password is the other login's, so that the one
//     in use works on for Grace; a rotation that dies half way changes nothing
//     for who is connected.
//   - A password is in the connection Secret and nowhere else.
//   - A snapshot is safe in the store before anything is dropped.
//
// Deciding is pure (names.go, turn.go); the server and the store of backups are
// behind ports. Dumps are made one after the other by Backups.Run, because they
// take longer than a reconciliation may.
package database
