package rego_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/rego"
)

const rules = `package main

deny contains msg if {
	input.kind == "Deployment"
	not input.spec.replicas
	msg := sprintf("%s says no replicas", [input.metadata.name])
}

deny_public contains {"msg": "buckets are private", "bucket": name} if {
	some name, bucket in input.buckets
	bucket.public
	not data.allowed[name]
}

violation_region contains "region is not allowed" if input.region == "nowhere"

warn_owner contains "no owner" if not input.owner

exception contains ["region"] if input.exempt
`

func TestJudge(t *testing.T) {
	t.Parallel()
	compiled, err := rego.Compile(map[string]string{"rules.rego": rules}, rego.Options{Data: map[string]any{"allowed": map[string]any{"site": true}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, reason, file, text string
		want                     []string
	}{
		{"content", "nothing to complain about", "a.yaml", "owner: team\n", nil},
		{"message", "deny gives a sentence", "a.yaml", "owner: t\nkind: Deployment\nmetadata: {name: web}\nspec: {}\n", []string{"fail deny: web says no replicas"}},
		{"object", "an answer may be an object with msg", "a.json", `{"owner":"t","buckets":{"logs":{"public":true},"site":{"public":true}}}`, []string{"fail deny_public: buckets are private"}},
		{"warning", "warn does not refuse", "a.toml", "region = \"here\"\n", []string{"warn warn_owner: no owner"}},
		{"exception", "the exception names the rule without its kind", "a.yaml", "owner: t\nregion: nowhere\nexempt: true\n", []string{"skip violation_region: an exception names this rule"}},
		{"dotenv", "names and values", ".env", "# x\nexport owner=t\nregion=\"nowhere\"\n", []string{"fail violation_region: region is not allowed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inputs, err := rego.Read(test.file, []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			results, err := compiled.Judge(t.Context(), inputs[0].Value)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, result := range results {
				if result.Status != policy.Pass {
					got = append(got, string(result.Status)+" "+result.Rule+": "+result.Message)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// TestCompileRefuses tells what is wrong, and where.
func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason, text, message string
		options                     rego.Options
	}{
		{"syntax", "the line is named", "package main\n\ndeny contains if {", "rules.rego:3", rego.Options{}},
		{"unknown function", "the compiler knows its built-ins", "package main\n\ndeny contains \"x\" if nosuch(1)", "undefined function nosuch", rego.Options{}},
		{"network", "rules reach nothing", "package main\n\ndeny contains \"x\" if http.send({\"url\": \"http://x\"})", "undefined function http.send", rego.Options{}},
		{"other package", "a package without rules passes everything", "package other\n\ndeny contains \"x\" if true", "packages that have: other", rego.Options{}},
		{"old syntax", "the version is said by the caller", "package main\n\ndeny[msg] { msg := \"x\" }", "rego_parse_error", rego.Options{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := rego.Compile(map[string]string{"rules.rego": test.text}, test.options)
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("%s: error %v, want %q in it", test.reason, err, test.message)
			}
		})
	}
	if _, err := rego.Compile(map[string]string{"rules.rego": "package main\n\ndeny[msg] { msg := \"x\" }"}, rego.Options{V0: true}); err != nil {
		t.Errorf("old syntax, asked for: %v", err)
	}
}

// FuzzRead: no file makes a panic.
func FuzzRead(f *testing.F) {
	for _, seed := range []struct{ file, text string }{{"a.yaml", "a: 1\n---\nb: [2]\n"}, {"a.json", `{"a":1}`}, {"a.toml", "a = 1"}, {".env", "A=1"}} {
		f.Add(seed.file, []byte(seed.text))
	}
	f.Fuzz(func(t *testing.T, file string, text []byte) {
		if inputs, err := rego.Read(file, text); err != nil && inputs != nil {
			t.Error("inputs beside an error")
		}
	})
}
