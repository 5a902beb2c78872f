package authn

import (
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// allowed tells whether one of the rules holds; without any, all may.
func allowed(rules []gateway.AuthorizationRule, who *gateway.Identity, method string) bool {
	if len(rules) == 0 {
		return true
	}
	for i := range rules {
		if holds(&rules[i], who, method) {
			return true
		}
	}
	return false
}

func holds(rule *gateway.AuthorizationRule, who *gateway.Identity, method string) bool {
	if len(rule.Methods) > 0 && !slices.Contains(rule.Methods, method) {
		return false
	}
	if len(rule.Tenants) > 0 && (who == nil || who.Tenant == "" || !slices.Contains(rule.Tenants, who.Tenant)) {
		return false
	}
	for i := range rule.Claims {
		value, found := who.Claim(rule.Claims[i].Path)
		if !found || !contains(value, &rule.Claims[i]) {
			return false
		}
	}
	return true
}

// contains tells whether a claim is, or has, one of the values. The claims scope
// and scp are lists separated by spaces (RFC 8693).
func contains(value any, want *gateway.ClaimMatch) bool {
	switch value := value.(type) {
	case []any:
		return slices.ContainsFunc(value, func(one any) bool { return is(gateway.Text(one), one, want.Values) })
	case string:
		spaced := want.Path == "scope" || want.Path == "scp"
		return slices.Contains(want.Values, value) || spaced && among(value, want.Values)
	}
	return is(gateway.Text(value), value, want.Values)
}

// among tells whether one of the words of the text is wanted.
func among(text string, wanted []string) bool {
	for word := range strings.FieldsSeq(text) {
		if slices.Contains(wanted, word) {
			return true
		}
	}
	return false
}

// is tells whether a single value is one of those wanted. What is no text,
// number or truth value never is.
func is(text string, value any, wanted []string) bool {
	switch value.(type) {
	case nil, map[string]any, []any:
		return false
	}
	return slices.Contains(wanted, text)
}
