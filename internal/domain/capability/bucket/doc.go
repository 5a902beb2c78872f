// Package bucket fulfils claims for a bucket of an object store that speaks S3: a
// bucket, a user who may do nothing but use it, that user's access key in the
// connection Secret, and rotation of the key.
//
// What always holds:
//
//   - Names follow from the claim's name and UID. Another claim of the same name
//     gets another bucket, and never comes into the first one's data.
//   - A key opens one bucket. It can neither let others in nor change what the
//     bucket promises.
//   - A rotation makes the second of two keys; the first works on for Grace. One
//     that dies half way changes nothing for who holds a key.
//   - A secret key is in the connection Secret and nowhere else.
//   - What a store cannot do is refused or told in the status, never passed over.
//
// Deciding is pure (names.go, turn.go); the store is behind ports. A last copy is
// not made, because a bucket may be larger than anything that could hold it: the
// deletion policy Snapshot is not offered.
package bucket
