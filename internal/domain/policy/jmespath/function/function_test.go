package function_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/function"
)

// row is one call of a function: what it gives, or a part of its error.
type row struct{ expression, want, fails string }

// rows are the cases of all functions. Each function has three or more, and at
// least one that fails for the type of an argument.
func rows() []row {
	var all []row
	for _, group := range [][]row{standardRows(), textRows(), collectionRows(), arithmeticRows(), timeRows(), encodingRows(), networkRows()} {
		all = append(all, group...)
	}
	return all
}

const data = `{"list": [3, 1, 2], "names": ["b", "a"], "object": {"b": 2, "a": 1}, "pods": [{"n": "y", "r": 2}, {"n": "x", "r": 1}], "none": null}`

func TestFunctions(t *testing.T) {
	t.Parallel()
	for _, tt := range rows() {
		t.Run(tt.expression, func(t *testing.T) {
			t.Parallel()
			got, err := evaluate(t, tt.expression)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("got %v, error %v; want an error with %q", got, err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(t, tt.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestEveryFunctionIsTested counts cases, so that none is added without.
func TestEveryFunctionIsTested(t *testing.T) {
	t.Parallel()
	cases, mistyped := map[string]int{}, map[string]int{}
	for _, tt := range rows() {
		name, _, _ := strings.Cut(tt.expression, "(")
		cases[name]++
		if strings.Contains(tt.fails, "type") || strings.Contains(tt.fails, "arguments") {
			mistyped[name]++
		}
	}
	for _, f := range function.All() {
		if cases[f.Name] < 3 || len(f.Parameters) > 0 && mistyped[f.Name] < 1 && !acceptsAll(f) {
			t.Errorf("%s has %d cases, %d with arguments of a wrong type or number", f.Signature(), cases[f.Name], mistyped[f.Name])
		}
	}
}

func acceptsAll(f function.Function) bool { return f.Parameters[0]&function.Any == function.Any }

// TestKyvernosFunctions holds the list of Kyverno's functions against ours.
func TestKyvernosFunctions(t *testing.T) {
	t.Parallel()
	for name := range strings.FieldsSeq(`
		add base64_decode base64_encode compare divide equal_fold image_normalize is_external_url items label_match lookup md5
		modulo multiply object_from_lists parse_json parse_yaml path_canonicalize pattern_match random regex_match
		regex_replace_all regex_replace_all_literal replace replace_all round semver_compare sha1 sha256 split subtract sum
		time_add time_after time_before time_between time_diff time_now time_now_utc time_parse time_since time_to_cron
		time_truncate time_utc to_boolean to_lower to_upper trim trim_prefix truncate x509_decode
		abs avg ceil contains ends_with floor join keys length map max max_by merge min min_by not_null reverse sort sort_by
		starts_with to_array to_number to_string type values`) {
		if _, ok := function.Find(name); !ok {
			t.Errorf("there is no function %q", name)
		}
	}
}

func TestNothingIsHidden(t *testing.T) {
	t.Parallel()
	for expression, missing := range map[string]string{
		"time_now()":     "no clock",
		"time_now_utc()": "no clock",
		"time_since('', '2024-01-01T00:00:00Z', '')": "no clock",
		"random('[a-z]')": "no source of chance",
		"is_external_url('https://roadbed.example/install')": "nobody resolves",
	} {
		query, err := jmespath.Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := query.Search(nil); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("%s: error %v, want %q", expression, err, missing)
		}
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"regex_match": "regex_match(string, number or string) boolean",
		"not_null":    "not_null(any, ...) any",
		"max":         "max(array of numbers or array of strings) null or number or string",
		"time_now":    "time_now() string",
		"map":         "map(expression, array) array",
	} {
		f, _ := function.Find(name)
		if got := f.Signature(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func evaluate(t *testing.T, expression string) (any, error) {
	t.Helper()
	for _, file := range []string{"rsa.pem", "request.pem", "ed25519.pem"} {
		expression = strings.ReplaceAll(expression, "$"+file, read(t, file))
	}
	query, err := jmespath.Compile(expression)
	if err != nil {
		return nil, err
	}
	chance := rand.New(rand.NewPCG(7, 7))
	return query.SearchIn(function.Env{
		Now:     time.Date(2026, 11, 23, 10, 30, 0, 0, time.FixedZone("", 3600)),
		Random:  chance.IntN,
		Resolve: resolve,
	}, decoded(t, data))
}

func resolve(host string) ([]netip.Addr, error) {
	switch host {
	case "outside.example":
		return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
	case "mixed.example":
		return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("::ffff:192.168.3.4")}, nil
	case "empty.example":
		return nil, nil
	default:
		return nil, errors.New("no such host")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("the test's own JSON %q: %v", text, err)
	}
	return value
}
