package s3

import (
	"strings"
	"testing"
)

func TestURL(t *testing.T) {
	t.Parallel()
	got, err := parse("https://KEY:se%2Fcret@s3.eu-west-1.amazonaws.com?region=eu-west-1&iam=https://iam.amazonaws.com")
	want := place{endpoint: "https://s3.eu-west-1.amazonaws.com", iam: "https://iam.amazonaws.com", region: "eu-west-1", access: "KEY", secret: "se/cret"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := parse("http://k:s@127.0.0.1:9000/?style=host&iam=http://localhost:9001"); err != nil || got.path || got.region != defaultRegion {
		t.Errorf("got %+v, %v", got, err)
	}
	for text, reason := range map[string]string{
		"":                                   "nothing",
		"s3.example.com":                     "no scheme",
		"ftp://k:hush@s3.example.com":        "another scheme",
		"https://s3.example.com":             "no key",
		"https://k@s3.example.com":           "no secret",
		"https://k:hush%zz@s3.example.com":   "a broken escape",
		"https://k:hush@":                    "no host",
		"https://k:hush@h?iam=http://other":  "keys would come in the clear",
		"https://k:hush@h?iam=https://a:b@c": "another secret",
		"https://k:hush@h?zone=a":            "an unknown word",
		"https://k:hush@h?region=a&region=b": "a word twice",
		"https://k:hush@h?style=other":       "an unknown style",
	} {
		if _, err := parse(text); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

func FuzzURL(f *testing.F) {
	f.Add("https://KEY:SECRET@s3.example.com?region=eu-west-1&iam=https://iam.example.com")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := parse(text); err == nil && (got.access == "" || got.secret == "" || got.endpoint == "") {
			t.Errorf("%q gives %+v", text, got)
		}
	})
}
