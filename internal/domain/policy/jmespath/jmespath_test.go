package jmespath_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

// decoded is JSON as a test writes it, or a failure of the test.
func decoded(t testing.TB, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("the test's own JSON %q: %v", text, err)
	}
	return value
}

const pod = `{
	"kind": "Pod", "labels": {"app": "web", "tier": "front"}, "none": null, "empty": [], "zero": 0, "flag": false,
	"containers": [
		{"name": "a", "image": "nginx", "ports": [80, 443], "env": {"A": "1"}},
		{"name": "b", "image": "redis", "ports": [6379]},
		{"name": "c", "ports": []}
	],
	"numbers": [0, 1, 2, 3, 4, 5], "nested": [[1, [2]], [3], 4, []], "dash-ed": {"quo\"te": 7}, "héllo": "wörld"
}`

func TestSearch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, expression, want string }{
		{"a name", "kind", `"Pod"`},
		{"a path", "labels.app", `"web"`},
		{"a quoted name", `"dash-ed"."quo\"te"`, `7`},
		{"a name beyond ASCII is quoted", `"h\u00e9llo"`, `"wörld"`},
		{"a name of null is null", "none.any.thing", `null`},
		{"a name of a string is null", "kind.any", `null`},
		{"the whole", "@.kind", `"Pod"`},
		{"a key that is null exists", "none", `null`},

		{"index", "numbers[0]", `0`},
		{"index from the end", "numbers[-1]", `5`},
		{"index beyond the end", "numbers[9]", `null`},
		{"index before the start", "numbers[-9]", `null`},
		{"index of an object", "labels[0]", `null`},
		{"index then name", "containers[1].name", `"b"`},

		{"slice", "numbers[1:3]", `[1,2]`},
		{"slice from the start", "numbers[:2]", `[0,1]`},
		{"slice to the end", "numbers[4:]", `[4,5]`},
		{"slice with a step", "numbers[::2]", `[0,2,4]`},
		{"slice backwards", "numbers[::-1]", `[5,4,3,2,1,0]`},
		{"slice backwards from the middle", "numbers[3:0:-1]", `[3,2,1]`},
		{"slice with limits beyond", "numbers[-100:100]", `[0,1,2,3,4,5]`},
		{"slice backwards with limits beyond", "numbers[100:-100:-2]", `[5,3,1]`},
		{"slice of no list", "kind[0:1]", `null`},
		{"slice projects", "containers[:2].name", `["a","b"]`},

		{"projection", "containers[*].name", `["a","b","c"]`},
		{"projection drops what is missing", "containers[*].image", `["nginx","redis"]`},
		{"projection drops nulls", "containers[*].none", `[]`},
		{"projection of projection", "containers[*].ports[*]", `[[80,443],[6379],[]]`},
		{"projection of no list", "labels[*]", `null`},
		{"projection of what is missing", "missing[*].name", `null`},
		{"index in projection", "containers[*].ports[0]", `[80,6379]`},
		{"pipe ends projection", "containers[*].ports | [0]", `[80,443]`},
		{"values in the order of keys", "labels.*", `["web","front"]`},
		{"values of no object", "numbers.*", `null`},
		{"values then name", "*.app", `["web"]`},
		{"flatten", "containers[].ports[]", `[80,443,6379]`},
		{"flatten one level", "nested[]", `[1,[2],3,4]`},
		{"flatten two levels", "nested[][]", `[1,2,3,4]`},
		{"flatten of what is missing", "missing[]", `null`},
		{"flatten of what fails", "to_upper(missing)[]", `null`},
		{"filter of what fails", "items(missing, 'k', 'v')[?k == 'a'] || 'x'", `"x"`},
		{"values of what fails", "parse_json('{').*", `null`},

		{"filter", "containers[?name=='b'].image", `["redis"]`},
		{"filter by a missing name keeps none", "containers[?image=='nginx'].name", `["a"]`},
		{"filter by existence", "containers[?image].name", `["a","b"]`},
		{"filter by a number", "numbers[?@ >= `4`]", `[4,5]`},
		{"filter by and, or, not", "numbers[?@ > `1` && @ < `4` || !(@ < `5`)]", `[2,3,5]`},
		{"filter then index", "containers[?name!='a'] | [0].name", `"b"`},
		{"filter of no list", "labels[?@]", `null`},
		{"filter then flatten", "containers[?image][].ports[]", `[80,443,6379]`},

		{"list of expressions", "[kind, labels.app, missing]", `["Pod","web",null]`},
		{"list of expressions of null", "none.[a, b]", `null`},
		{"object of expressions", "{k: kind, \"a b\": labels.tier, m: missing.x}", `{"k":"Pod","a b":"front","m":null}`},
		{"object of expressions for each", "containers[*].{n: name, p: length(ports)}", `[{"n":"a","p":2},{"n":"b","p":1},{"n":"c","p":0}]`},
		{"list of expressions for each", "containers[:1].[name, image]", `[["a","nginx"]]`},

		{"or takes the first", "kind || 'x'", `"Pod"`},
		{"or takes the second for what is missing", "missing || 'x'", `"x"`},
		{"or takes the second for a missing path", "labels.missing.deeper || 'x'", `"x"`},
		{"or takes the second for empty", "empty || 'x'", `"x"`},
		{"or takes the second for false", "flag || 'x'", `"x"`},
		{"zero is not false", "zero || 'x'", `0`},
		{"or of two that are missing is null", "missing || gone", `null`},
		{"and takes the second", "kind && labels.app", `"web"`},
		{"and takes what is false", "empty && kind", `[]`},
		{"not", "!missing", `true`},
		{"not of a value", "!kind", `false`},
		{"not binds more strongly than a dot", "!labels.app", `null`},
		{"and before or", "flag && flag || kind", `"Pod"`},
		{"comparison before and", "zero == `0` && kind == 'Pod'", `true`},
		{"or before pipe", "missing || labels | app", `"web"`},
		{"parentheses", "(missing || labels).app", `"web"`},
		{"pipe forgives what is missing", "missing | @", `null`},

		{"equal", "labels == `{\"tier\": \"front\", \"app\": \"web\"}`", `true`},
		{"not equal", "labels.app != 'web'", `false`},
		{"equal to what is missing", "missing == `null`", `true`},
		{"numbers and strings differ", "zero == '0'", `false`},
		{"strings have no order", "'a' < 'b'", `null`},
		{"less or equal", "numbers[2] <= `2`", `true`},
		{"greater", "numbers[2] > `2`", `false`},

		{"literal number", "`1.5`", `1.5`},
		{"literal object", "`{\"a\": [1, true, null]}`", `{"a":[1,true,null]}`},
		{"literal with a backtick", "`\"a\\`b\"`", `"a` + "`" + `b"`},
		{"raw string keeps backslashes", `'\d+\\.'`, `"\\d+\\\\."`},
		{"raw string with a quote", `'it\'s'`, `"it's"`},
		{"raw string over characters", `'héllo'`, `"héllo"`},

		{"function", "length(containers)", `3`},
		{"function within a path", "labels.keys(@)", `["app","tier"]`},
		{"expression as an argument", "sort_by(containers, &name)[-1].name", `"c"`},
		{"expression forgives what is missing", "map(&image, containers)", `["nginx","redis",null]`},
		{"commas may be missing between arguments", "starts_with(kind 'P')", `true`},
		{"a comma may end arguments", "length(kind,)", `3`},
		{"commas may be missing between keys", "{a: kind b: zero}", `{"a":"Pod","b":0}`},
		{"space is free", " length (\n containers\t) ", `3`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			query, err := jmespath.Compile(tt.expression)
			if err != nil {
				t.Fatal(err)
			}
			got, err := query.Search(decoded(t, pod))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(t, tt.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMissingKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, expression, key string }{
		{"the last step", "labels.missing", "missing"},
		{"the first step", "missing", "missing"},
		{"a step between", "labels.missing.deeper", "missing"},
		{"behind and", "kind && missing", "missing"},
		{"behind an index", "containers[2].image", "image"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			query, err := jmespath.Compile(tt.expression)
			if err != nil {
				t.Fatal(err)
			}
			_, err = query.Search(decoded(t, pod))
			var missing *jmespath.NotFoundError
			if !errors.As(err, &missing) || missing.Key != tt.key {
				t.Errorf("error %v, want a missing key %q", err, tt.key)
			}
		})
	}
}

func TestNumbersOfKubernetes(t *testing.T) {
	t.Parallel()
	data := map[string]any{"replicas": int64(3), "ports": []any{int64(443), int64(80)}}
	for expression, want := range map[string]any{
		"replicas":                         int64(3),
		"replicas == `3`":                  true,
		"replicas > `2`":                   true,
		"add(replicas, `1`)":               float64(4),
		"contains(ports, `80`)":            true,
		"sort(ports)":                      []any{int64(80), int64(443)},
		"to_string(ports)":                 "[443,80]",
		"type(replicas)":                   "number",
		"regex_match('^3$', replicas)":     true,
		"max(ports) == to_number('443.0')": true,
	} {
		query, err := jmespath.Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		got, err := query.Search(data)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", expression, diff)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, expression string
		column           int
		message          string
	}{
		{"nothing", "", 1, "incomplete"},
		{"a dot at the end", "a.", 3, "must follow '.'"},
		{"a number after a dot", "a.1", 3, `a number "1"`},
		{"two names", "a b", 3, `unexpected a name "b"`},
		{"an open bracket", "a[0", 4, "expected ']'"},
		{"an open parenthesis", "(a", 3, "expected ')'"},
		{"an open string", "a == 'b", 6, "' is not closed"},
		{"an open literal", "`1", 1, "` is not closed"},
		{"an open name", `a."b`, 3, `" is not closed`},
		{"a literal that is no JSON", "a == `b`", 6, "not JSON"},
		{"a name that is no JSON", `"\x"`, 1, "not a JSON string"},
		{"a foreign character", "a # b", 3, "unexpected character '#'"},
		{"characters count, not bytes", `"é" # b`, 5, "unexpected character"},
		{"half an operator", "a = b", 3, "unexpected character '='"},
		{"an index that is no number", "a[b]", 2, "must follow '['"},
		{"an index too large", "a[99999999999]", 3, "too large"},
		{"three colons", "a[1:2:3:4]", 8, "at most two colons"},
		{"a step of zero", "a[::0]", 6, "cannot be 0"},
		{"two numbers in a slice", "a[1 2:]", 5, "expected ']'"},
		{"an empty list", "a.[]", 3, "must follow '.'"},
		{"a hash without a value", "{a}", 3, "expected ':'"},
		{"a hash with an expression as key", "{`1`: a}", 2, "name of a key"},
		{"an empty hash", "{}", 2, "name of a key"},
		{"an unknown function", "a | nope(@)", 5, `no function "nope"`},
		{"a quoted function", `"length"(a)`, 1, "not quoted"},
		{"too few arguments", "starts_with(a)", 1, "takes 2 arguments, not 1"},
		{"too many arguments", "length(a, b)", 1, "takes 1 arguments, not 2"},
		{"a named argument, as the article has it", "length(query: pods)", 13, "unexpected ':'"},
		{"a regular expression that is none", "kind && regex_match('(', kind)", 9, "argument 1 is not a regular expression"},
		{"an end among arguments", "join(',', a", 12, "incomplete"},
		{"no comma in a list", "[a b]", 4, "expected ']'"},
		{"a comma at the end of a list", "[a,]", 4, "unexpected ']'"},
		{"a comma at the end of a hash", "{a: b,}", 7, "name of a key"},
		{"a lone operator", "&& a", 1, "unexpected '&&'"},
		{"too deep", strings.Repeat("(", 1e4), 401, "nests deeper"},
		{"too deep by not", strings.Repeat("!", 1e5) + "a", 401, "nests deeper"},
		{"too long a path", "a" + strings.Repeat(".a", 1e4), 8002, "follow each other"},
		{"too long", strings.Repeat("a", 1e6), 1, "at most"},
		{"not text", "a\xff", 1, "UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := jmespath.Compile(tt.expression)
			var syntax *jmespath.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("error %v, want a syntax error", err)
			}
			if syntax.Column != tt.column || !strings.Contains(syntax.Message, tt.message) {
				t.Errorf("column %d: %s; want column %d: ...%s...", syntax.Column, syntax.Message, tt.column, tt.message)
			}
			if len(err.Error()) > 600 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestRunawayExpressionsEnd(t *testing.T) {
	t.Parallel()
	for name, expression := range map[string]string{
		"a list that doubles":      "@" + strings.Repeat("|[@,@]", 60) + "| @ == @",
		"an object that doubles":   "@" + strings.Repeat("|{a: @, b: @}", 60),
		"a flat list that doubles": "numbers" + strings.Repeat("|[@,@][]", 60),
		"a string that doubles":    "kind" + strings.Repeat("|replace_all(@,'o','oo')", 60),
		"a string by expression":   "kind" + strings.Repeat("|regex_replace_all('(.*)',@,'$1$1')", 60),
		"a joined list":            "kind" + strings.Repeat("|join(@,[@,@,@])", 60),
		"encoded again and again":  "kind" + strings.Repeat("|base64_encode(@)", 100),
	} {
		query, err := jmespath.Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := query.Search(decoded(t, pod)); err == nil {
			t.Errorf("%s: no error, but %.40v", name, got)
		}
	}
}

func TestQueriesRunInParallel(t *testing.T) {
	t.Parallel()
	query, err := jmespath.Compile("sort_by(containers, &name)[*].ports | [] | reverse(sort(@))")
	if err != nil {
		t.Fatal(err)
	}
	data := decoded(t, pod)
	for range 8 {
		t.Run("search", func(t *testing.T) {
			t.Parallel()
			for range 100 {
				got, err := query.Search(data)
				if diff := cmp.Diff([]any{6379.0, 443.0, 80.0}, got); diff != "" || err != nil {
					t.Fatal(diff, err)
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"request.object.metadata.name":  "request",
		"@.request.object":              "request",
		"a.b || c[0] && !d":             "a c d",
		"x | y":                         "x",
		`"my-map".data || ""`:           `"" "my-map"`,
		`"x".a || x.b`:                  "x",
		"list[?name == element.name].z": "list",
		"list[*].length(name)":          "list",
		"map(&name, list)":              "list",
		"{k: a, l: [b, c.d]}":           "a b c",
		"to_string(@)":                  "*",
		"[0]":                           "*",
		"*.a":                           "*",
		"'text'":                        "",
		"time_now()":                    "",
		"a[1:2].b == `1`":               "a",
		"sort_by(a[].b, &c) | [0]":      "a",
		"regex_match(pattern, request.object.kind)": "pattern request",
	} {
		query, err := jmespath.Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		names := query.Names()
		all := slices.Clone(names.Plain)
		for _, quoted := range names.Quoted {
			all = append(all, strconv.Quote(quoted))
		}
		if names.Whole {
			all = append(all, "*")
		}
		got := strings.Join(all, " ")
		if got != want {
			t.Errorf("%s reads %q, want %q", expression, got, want)
		}
	}
}
