package match_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/match"
)

func TestClean(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason, path, want string
		err                error
	}{
		"Plain":            {reason: "a clean path is itself", path: "/v1/databases/orders", want: "/v1/databases/orders"},
		"Root":             {reason: "the root is clean", path: "/", want: "/"},
		"Star":             {reason: "OPTIONS * is clean", path: "*", want: "*"},
		"TrailingSlash":    {reason: "a trailing slash means something to many backends", path: "/a/", want: "/a/"},
		"DotsInNames":      {reason: "only whole elements are dot segments", path: "/a/..b/.c/d..", want: "/a/..b/.c/d.."},
		"Slashes":          {reason: "empty elements could hide a prefix that is guarded", path: "//admin///x//", want: "/admin/x/"},
		"OnlySlashes":      {reason: "nothing but empty elements is the root", path: "///", want: "/"},
		"Dot":              {reason: "RFC 3986, 5.2.4", path: "/a/./b/../c", want: "/a/c"},
		"DotAtEnd":         {reason: "a dot segment at the end names a folder", path: "/a/b/..", want: "/a/"},
		"AboveRoot":        {reason: "nothing is above the root", path: "/../../etc/passwd", want: "/etc/passwd"},
		"EncodedDots":      {reason: "encoded dots are dots", path: "/public/%2e%2E/admin", want: "/admin"},
		"EncodedLetter":    {reason: "an encoded letter must not hide a guarded prefix", path: "/%61dmin", want: "/admin"},
		"EncodedSlash":     {reason: "an encoded slash does not separate elements", path: "/a%2fb/c", want: "/a%2Fb/c"},
		"EncodedSpace":     {reason: "other escapes stay, in upper case", path: "/a%20b%c3%a9", want: "/a%20b%C3%A9"},
		"EncodedPercent":   {reason: "what was encoded twice is decoded once at most", path: "/%252e%252e/x", want: "/%252e%252e/x"},
		"SlashAndDots":     {reason: "a backend that decodes first would leave the prefix", path: "/public/..%2Fadmin", err: match.ErrAmbiguous},
		"SlashAroundDots":  {reason: "all of the segment may be encoded", path: "/public/x%2f%2e%2e%2fadmin", err: match.ErrAmbiguous},
		"BackslashAndDots": {reason: "some read an encoded backslash as a slash", path: "/public/..%5Cadmin", err: match.ErrAmbiguous},
		"DotsParameter":    {reason: "servlets take a parameter off before they resolve", path: "/open/..;/secure", err: match.ErrParameter},
		"DotParameter":     {reason: "a single dot too", path: "/open/.;x=1/secure", err: match.ErrParameter},
		"EncodedDotsParam": {reason: "encoded dots are dots", path: "/open/%2e%2E;/secure", err: match.ErrParameter},
		"EncodedParameter": {reason: "some decode the semicolon first", path: "/open/..%3bx/secure", err: match.ErrParameter},
		"SlashParameter":   {reason: "a backend that decodes first sees a dot segment", path: "/open/x%2f..;%5csecure", err: match.ErrParameter},
		"ParameterAtEnd":   {reason: "the last element is one too", path: "/open/a/..;", err: match.ErrParameter},
		"Parameter":        {reason: "parameters of names stay", path: "/a;v=1/..b;/.c;x", want: "/a;v=1/..b;/.c;x"},
		"Backslash":        {reason: "a backslash is no character of a path", path: `/a\b`, err: match.ErrByte},
		"Space":            {reason: "a space is no character of a path", path: "/a b", err: match.ErrByte},
		"Control":          {reason: "control characters never are", path: "/a\x00b", err: match.ErrByte},
		"NotASCII":         {reason: "bytes beyond ASCII must be encoded", path: "/é", err: match.ErrByte},
		"Fragment":         {reason: "a fragment is not sent", path: "/a#b", err: match.ErrByte},
		"NUL":              {reason: "an encoded NUL ends strings in some backends", path: "/a%00.png", err: match.ErrEscape},
		"HalfEscape":       {reason: "a percent sign wants two digits", path: "/a%2", err: match.ErrEscape},
		"NoEscape":         {reason: "a percent sign wants hexadecimal digits", path: "/a%zz", err: match.ErrEscape},
		"Empty":            {reason: "no path is not the root", path: "", err: match.ErrRelative},
		"Relative":         {reason: "a path begins with a slash", path: "a/b", err: match.ErrRelative},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := match.Clean(tc.path)
			if !errors.Is(err, tc.err) || got != tc.want {
				t.Errorf("%s: Clean(%q) = %q, %v; want %q, %v", tc.reason, tc.path, got, err, tc.want, tc.err)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"/", "*", "/a/../b", "//", "/%2e%2e/", "/a%2f..", "/%", "/..%5c", "/a/%c3%a9/.", "/a/..;/b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		clean, err := match.Clean(path)
		if err != nil || clean == "*" {
			return
		}
		again, err := match.Clean(clean)
		if err != nil || again != clean {
			t.Fatalf("Clean(%q) = %q, cleaned again %q, %v", path, clean, again, err)
		}
		if strings.Contains(clean, "//") || strings.Contains(clean+"/", "/../") || strings.Contains(clean+"/", "/./") || clean[0] != '/' {
			t.Fatalf("Clean(%q) = %q is not clean", path, clean)
		}
	})
}

func TestBare(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/a/b": "/a/b", "/": "/", "*": "*", "/a;x": "/a", "/a;x=1;y/b;z/": "/a/b/", "/;x/a": "/a", "/a%3Bx/b": "/a/b", "/a/;x": "/a/", "/a%2Fb;c": "/a%2Fb",
	} {
		if got := match.Bare(path); got != want {
			t.Errorf("Bare(%q) = %q, want %q", path, got, want)
		}
	}
}
