package jmespath_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/value"
)

// FuzzSearch: nothing that compiles panics, changes its data or gives two
// results for the same question.
func FuzzSearch(f *testing.F) {
	for _, seed := range []string{
		"kind", "a.b[0]", "containers[?image=='nginx'].{n: name, p: ports[*]} | [0]", "numbers[::-2]", "!a.b || `1` && 'x'",
		"sort_by(containers, &name)", "map(&[0], nested)", "labels.*", "nested[][]", "to_string(@)", "replace_all(kind, '', 'xx')",
		"regex_replace_all('(o)(d)', kind, '$2$1')", "random('[a-z]{3}')", "add('1Gi', `2`)", "divide('1', '3')", "divide('1e-9', `7`)",
		"truncate(kind, `-1`)", "round(`1.5`, `400`)", "time_add(time_now(), '1h')", "parse_yaml('a: [1]')", "x509_decode(kind)",
		"items(labels, 'k', 'v')", "object_from_lists(numbers, nested)", "semver_compare('1.2.3', '>1')", "is_external_url('http://10.0.0.1')",
		"[@,@]|[@,@]|[@,@]|[@,@]|to_string(@)", "[@,@]|@==@", "multiply('1e30', `1e30`)", "sum(['1Gi','2Mi'])", "modulo('10', '3')", "image_normalize(kind)",
		"\"\\u0000\"", "'\\'", "`[\"\\`\"]`", "max_by(containers, &length(name))", "join('', keys(labels))", "&a", "a[", "(((", "-1", "[-1]",
	} {
		f.Add(seed)
	}
	before, err := json.Marshal(decoded(f, pod))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		query, err := jmespath.Compile(expression)
		if err != nil {
			return
		}
		data := decoded(t, pod)
		first, firstErr := query.SearchIn(environment(), data)
		second, secondErr := query.SearchIn(environment(), data)
		if (firstErr == nil) != (secondErr == nil) || isJSON(first) && !value.Equal(first, second) {
			t.Errorf("%q gives %v, %v, then %v, %v", expression, first, firstErr, second, secondErr)
		}
		if after, err := json.Marshal(data); err != nil || string(after) != string(before) {
			t.Errorf("%q changed its data: %v", expression, err)
		}
	})
}

// isJSON tells whether a value holds no expression, which cannot be compared.
func isJSON(v any) bool {
	_, err := json.Marshal(v)
	return err == nil
}

// environment is the same whenever it is asked for.
func environment() jmespath.Env {
	chance := rand.New(rand.NewPCG(1, 2))
	return jmespath.Env{
		Now:    time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC),
		Random: chance.IntN,
		Resolve: func(host string) ([]netip.Addr, error) {
			if host == "inside.example" {
				return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("10.1.2.3")}, nil
			}
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
		},
	}
}
