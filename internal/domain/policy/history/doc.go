// Package history keeps what policies say of objects in SQL, so that etcd holds
// none of it: how things are (a result for each object, policy and rule), and
// what changed when.
//
// What always holds:
//   - A subject's results are replaced as a whole, in one transaction with the
//     changes that this makes. A crash loses nothing half.
//   - A result that stays as it is writes nothing, so that a scan of a settled
//     cluster costs reads only.
//   - Revision grows with every change and never repeats: what a list returns
//     can be watched from there.
//
// SQLite and PostgreSQL are spoken in the same words but for the types of two
// columns. Several processes may write to one PostgreSQL; the last one wins.
package history
