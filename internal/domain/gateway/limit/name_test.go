package limit

import (
	"net/netip"
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	t.Parallel()
	for _, want := range []key{
		{},
		{tenant: "shop"},
		{tenant: "shop", issuer: "https://issuer", text: "line\nof\nthe claim"},
		{address: netip.MustParseAddr("2001:db8::")},
	} {
		want.budget = &budget{name: "apis/standard"}
		policy, got, err := parseName(want.name())
		got.budget = want.budget
		if err != nil || policy != "apis/standard" || got != want {
			t.Errorf("%q is read as %q, %+v, %v", want.name(), policy, got, err)
		}
	}
}

func FuzzAsk(f *testing.F) {
	f.Add(`{"process":"a","budget":"apis/standard\nshop\n\n\n","want":3}`)
	f.Add(`{"budget":"a\n\n\n::1\nx\ny","want":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseAsk(strings.NewReader(text))
		if err != nil {
			return
		}
		got.key.budget = &budget{name: got.policy}
		policy, again, err := parseName(got.key.name())
		again.budget = got.key.budget
		if err != nil || policy != got.policy || again != got.key {
			t.Errorf("%q reads back as %q, %+v, %v", got.key.name(), policy, again, err)
		}
	})
}
