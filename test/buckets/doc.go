// Package buckets holds claims for object buckets against a real object store:
// versitygw with its IAM service, which speaks S3 and the API of AWS's IAM, both
// in this process.
//
// It is a module of its own, because the store is no part of the product.
package buckets
