// Package library is Kyverno's CEL function libraries, besides those of
// Kubernetes. Functions that look at the world take it from the Session of the
// evaluation, so that a compiled program serves every request.
//
// Lookups, which make a policy one of the engine lane:
//   - resource.Get, List, Post, ToGVR (also get, list, post, toGVR)
//   - globalContext.Get (also get)
//   - image.GetMetadata (also getMetadata)
//   - http.Get, Post, Put, Patch, Client (also in lower case); switched off
//     unless the session has an HTTP port
//   - time.now and random, random.random, which take their value from the
//     session: the same request at the same time gives the same
//
// Pure functions:
//   - json.unmarshal, json.marshal, yaml.parse
//   - image, parseImageReference, isImage; of an image: registry, repository,
//     tag, digest, identifier, identifierWithSeparator, containsDigest
//   - parseServiceAccount, user.parseServiceAccount
//   - time.toCron, time.truncate
//   - md5, sha1, sha256, and the same as hash.md5 and so on
//   - math.round with a number of digits
//   - x509.decode
//   - gzip.compress, gzip.decompress
//   - listObjToMap, transform.listObjToMap
//   - jmespath
//   - cel-go's bindings, encoders (base64), math, protos and regex
//
// For images, with Images: verifyImageSignatures, verifyAttestationSignatures,
// getImageData, extractPayload.
//
// generator.Apply is declared so that it can be reported as unsupported.
package library
