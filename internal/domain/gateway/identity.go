package gateway

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// IdentityKind says how a caller proved who it is.
type IdentityKind string

// The kinds of identities.
const (
	// Workload is a program with a token of its own.
	Workload IdentityKind = "Workload"
	// Person is a human with a token of an issuer of people.
	Person IdentityKind = "Person"
	// APIKey is who holds the key of a Subscription.
	APIKey IdentityKind = "APIKey"
	// Certificate is who holds the key of a client certificate.
	Certificate IdentityKind = "Certificate"
)

// Identity is who calls. It is shared by the requests of a caller and never
// changed; a nil Identity is nobody.
type Identity struct {
	Kind IdentityKind
	// Subject is the caller's name at its issuer: the claim sub, the Subscription
	// of a key, the first URI or DNS name of a certificate.
	Subject string
	// Issuer is the claim iss; empty where there is no token.
	Issuer string
	// Tenant and BusinessUnit are whom the caller belongs to; empty where none is
	// known.
	Tenant, BusinessUnit string
	// Client is what the caller calls with: the client that the token was issued
	// to (azp or client_id), where it says one, else the Subject.
	Client string
	// Namespace is the workload's, or the Subscription's; else empty.
	Namespace string
	// Groups are a person's.
	Groups []string
	// Claims are the token's; nil where there is none. Numbers are json.Number.
	Claims map[string]any
	// Expires is when the credential ends; zero means never.
	Expires time.Time
}

// Claim returns what the claims have at the path, elements separated by dots. A
// name with a dot, such as "kubernetes.io", is one element where the claims have
// it: longer names are tried first.
func (i *Identity) Claim(path string) (any, bool) {
	if i == nil {
		return nil, false
	}
	return Claim(i.Claims, path)
}

// ClaimText returns a claim that is text, a number or a truth value as text, or
// "" where there is none such.
func (i *Identity) ClaimText(path string) string {
	value, _ := i.Claim(path)
	return Text(value)
}

// Claim looks up a path as Identity.Claim does.
func Claim(claims map[string]any, path string) (any, bool) {
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		value, found := claims[path[:end]]
		if !found {
			continue
		}
		if end == len(path) {
			return value, true
		}
		inner, nested := value.(map[string]any)
		if !nested {
			continue
		}
		if value, found := Claim(inner, path[end+1:]); found {
			return value, true
		}
	}
	return nil, false
}

// Text returns a claim's value as text: text as it is, numbers as they were
// written, truth values as "true" and "false", and "" for anything else.
func Text(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case bool:
		return strconv.FormatBool(value)
	}
	return ""
}
