// Package s3 administers an object store that speaks S3, and its users by the API
// of AWS's IAM: AWS itself, versitygw with its IAM service, Ceph, and others that
// have both.
//
// What always holds:
//
//   - Every method finds out what is there and does the rest: one that died
//     between any two requests is called again and comes to the same end.
//   - Buckets and users bear the mark of the claim they are for. Others are left
//     alone.
//   - A user may read and write the objects of one bucket, and nothing else.
//   - What a store does not know is told apart from what failed.
//   - No error and no log holds a secret key; one is asked for over TLS, or on this
//     machine.
//
// The store is told of by one URL, because it holds a secret:
//
//	https://KEY:SECRET@s3.example.com?region=eu-west-1&iam=https://iam.example.com
//
// iam is where the users are administered; style is path or host, and says how
// buckets are reached (path, but on AWS). The key must be allowed s3:* on buckets,
// and iam:*User*, iam:*AccessKey* on users below the path /roadbed/.
package s3
