package bucket

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// longest is how much of a claim's name is in its bucket's name: S3 takes 63
// bytes, and a hash follows.
const longest = 40

// Names are what a claim is called in the store.
type Names struct {
	Bucket string
	// User is whose keys open the bucket.
	User string
	// Mark is written beside both, so that nobody else takes them for theirs.
	Mark string
}

// NamesOf are a claim's names: its own name, as far as a store takes it, with a
// hash of its UID. The tenant is not in it, because names of buckets are seen by
// everybody.
func NamesOf(claim, uid string) Names {
	sum := sha256.Sum256([]byte(uid))
	base := strings.Map(func(r rune) rune {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return '-'
		}
		return r
	}, claim)
	base = strings.Trim(base[:min(len(base), longest)], "-")
	if base == "" || strings.HasPrefix(base, "xn--") { // a prefix that S3 keeps for itself
		base = "b" + base
	}
	name := base + "-" + hex.EncodeToString(sum[:6])
	return Names{Bucket: name, User: "roadbed-" + name, Mark: uid}
}
