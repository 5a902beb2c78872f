package database

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// longest is how much of a claim's name is in its database's name: PostgreSQL
// takes 63 bytes, and a hash and a letter follow.
const longest = 40

// Names are what a claim is called on the server.
type Names struct {
	// Database is the database and the role that owns what is in it.
	Database string
	// Mark is written beside both, so that nobody else takes them for theirs.
	Mark string
	// Logins take turns.
	Logins [2]string
}

// NamesOf are a claim's names: its own name, as far as a server takes it, with a
// hash of its UID. The tenant is not in it, because everybody on a server sees
// the names of all databases.
func NamesOf(claim, uid string) Names {
	sum := sha256.Sum256([]byte(uid))
	base := strings.Map(func(r rune) rune {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return '_'
		}
		return r
	}, claim)
	if base == "" || base[0] < 'a' {
		base = "d" + base
	}
	name := base[:min(len(base), longest)] + "_" + hex.EncodeToString(sum[:5])
	return Names{Database: name, Mark: "roadbed claim " + uid, Logins: [2]string{name + "_a", name + "_b"}}
}

// other is the login that is not this one.
func (n Names) other(login string) string {
	if login == n.Logins[0] {
		return n.Logins[1]
	}
	return n.Logins[0]
}

// mark is written beside a login: since when its password is the one to use.
func (n Names) mark(since time.Time) string {
	return n.Mark + " since " + since.UTC().Format(time.RFC3339)
}

// since reads a login's mark; the zero time when it is locked or not ours.
func (n Names) since(mark string) time.Time {
	text, ok := strings.CutPrefix(mark, n.Mark+" since ")
	if !ok {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// folder is where a claim's backups are.
func folder(namespace, claim string, n Names) string {
	return fmt.Sprintf("databases/%s/%s/%s/", namespace, claim, n.Database)
}
