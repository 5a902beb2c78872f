// Package applied finds by the text of an apply configuration what comes of it
// when the API server applies it: fields that it refuses to write, because a list
// or map there is replaced as a whole, and elements that stay though the
// configuration leaves them out.
//
// Only Kubernetes' own kinds are known. What a text does not tell is not found.
package applied
