package shape

import (
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Header changes header fields: Remove first, then Set, then Add.
func Header(h *http1.Header, change *gateway.HeaderChange) {
	if change == nil {
		return
	}
	for _, name := range change.Remove {
		h.Del(name)
	}
	for _, field := range change.Set {
		h.Set(field.Name, field.Value)
	}
	for _, field := range change.Add {
		h.Add(field.Name, field.Value)
	}
}

// reserved are the header fields, by prefix, that only the gateway may set: who
// calls, and on whose behalf. A name that ends with "-" stands for all that
// begin with it.
var reserved = []string{"impersonate-", "x-roadbed-", "forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port"}

// Sanitize removes the fields that only the gateway may set from what came from
// outside. "_" counts as "-": many backends read them alike.
func Sanitize(h *http1.Header) {
	kept := (*h)[:0]
	for _, field := range *h {
		if !isReserved(field.Name) {
			kept = append(kept, field)
		}
	}
	clear((*h)[len(kept):])
	*h = kept
}

func isReserved(name string) bool {
	if name == "" {
		return false
	}
	switch name[0] {
	case 'i', 'I', 'x', 'X', 'f', 'F':
	default:
		return false
	}
	for _, r := range reserved {
		if matches(name, r) {
			return true
		}
	}
	return false
}

// matches compares a name with a reserved one, given in lower case.
func matches(name, r string) bool {
	open := r[len(r)-1] == '-'
	if len(name) < len(r) || !open && len(name) != len(r) {
		return false
	}
	for i := range len(r) {
		c := name[i]
		if c == '_' {
			c = '-'
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != r[i] {
			return false
		}
	}
	return true
}

// Sendable tells whether a text may be the value of a header field.
func Sendable(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// HasToken tells whether a list of tokens, separated by commas, has the one.
func HasToken(list, token string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if http1.EqualFold(strings.TrimSpace(part), token) {
			return true
		}
	}
	return false
}
