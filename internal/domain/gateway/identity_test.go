package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

func claims(t testing.TB, text string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var found map[string]any
	if err := decoder.Decode(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestClaim(t *testing.T) {
	t.Parallel()
	const token = `{"sub":"me","n":12345678901234567890,"on":true,"kubernetes.io":{"namespace":"shop","serviceaccount":{"name":"web"}},
		"a":{"b":"nested","c":{"d":1}},"a.b":"whole","a.c":{"x":1},"list":["x"]}`
	for name, test := range map[string]struct {
		path, want, reason string
		missing            bool
	}{
		"top":          {path: "sub", want: "me", reason: "a claim of its own"},
		"dotted name":  {path: "kubernetes.io.namespace", want: "shop", reason: "kubernetes.io is one element where the claims have it"},
		"deeper":       {path: "kubernetes.io.serviceaccount.name", want: "web", reason: "elements follow each other"},
		"longest wins": {path: "a.b", want: "whole", reason: "the longer name is tried first"},
		"goes back":    {path: "a.c.d", want: "1", reason: "a longer name that leads nowhere does not hide a shorter one"},
		"number":       {path: "n", want: "12345678901234567890", reason: "numbers are as they were written"},
		"truth":        {path: "on", want: "true", reason: "truth values are text too"},
		"list":         {path: "list", want: "", reason: "a list is no text"},
		"missing":      {path: "kubernetes.io.pod", missing: true, reason: "nothing is there"},
		"through text": {path: "sub.x", missing: true, reason: "text has no elements"},
		"empty":        {path: "", missing: true, reason: "no path"},
		"dots":         {path: "..", missing: true, reason: "no names"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			identity := &gateway.Identity{Claims: claims(t, token)}
			_, found := identity.Claim(test.path)
			if got := identity.ClaimText(test.path); got != test.want || found == test.missing {
				t.Errorf("%s: claim %q is %q (%v), want %q", test.reason, test.path, got, found, test.want)
			}
		})
	}
	var nobody *gateway.Identity
	if got := nobody.ClaimText("sub"); got != "" {
		t.Errorf("nobody has the claim %q", got)
	}
}

func FuzzClaim(f *testing.F) {
	f.Add(`{"a":{"b":1},"a.b":2}`, "a.b")
	f.Add(`{"kubernetes.io":{"namespace":"x"}}`, "kubernetes.io.namespace")
	f.Add(`{"":{"":{"":""}}}`, "...")
	f.Fuzz(func(t *testing.T, token, path string) {
		decoder := json.NewDecoder(strings.NewReader(token))
		decoder.UseNumber()
		var found map[string]any
		if decoder.Decode(&found) != nil {
			return
		}
		value, ok := gateway.Claim(found, path)
		if whole, top := found[path]; top && path != "" && (!ok || gateway.Text(whole) != gateway.Text(value)) {
			t.Errorf("claim %q is there as a whole, found %v", path, value)
		}
		if !ok && value != nil {
			t.Errorf("claim %q is not there, yet %v", path, value)
		}
	})
}
