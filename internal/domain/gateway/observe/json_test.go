package observe

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever a client sends, a line of the log stays a line of JSON, and what it
// says is what was sent.
func FuzzAppendText(f *testing.F) {
	for _, seed := range []string{"", "plain", "\"\\/\b\x00\x7f", "é\u2028\u2029\xff\xc3", "\n{\"status\":200}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := appendText(nil, text)
		var back string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if want := strings.ToValidUTF8(text, "\uFFFD"); strings.ToValidUTF8(back, "") == back && !same(back, want) {
			t.Errorf("%q became %q", text, back)
		}
		if strings.ContainsAny(string(out), "\n\r\u2028\u2029") {
			t.Errorf("%q breaks the line", out)
		}
	})
}

// same compares texts in which runs of replacements count as one.
func same(a, b string) bool { return squeeze(a) == squeeze(b) }

func squeeze(text string) string {
	for strings.Contains(text, "\uFFFD\uFFFD") {
		text = strings.ReplaceAll(text, "\uFFFD\uFFFD", "\uFFFD")
	}
	return text
}

func FuzzParse(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings")
	f.Add("00-00000000000000000000000000000000-b7ad6b7169203331-01")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, ok := parse(text)
		if !ok {
			return
		}
		want := "-" + parsed.TraceID().String() + "-" + parsed.SpanID().String() + "-" + parsed.TraceFlags().String()
		if text[2:traceparentLength] != want && parsed.TraceFlags().IsSampled() {
			t.Errorf("%q was read as %q", text, want)
		}
	})
}
