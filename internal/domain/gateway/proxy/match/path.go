package match

import (
	"bytes"
	"errors"
	"strings"
)

// Why Clean refuses a path. The texts are for clients.
var (
	ErrRelative  = errors.New(`the path does not begin with "/"`)
	ErrByte      = errors.New("the path has a character that must be percent-encoded")
	ErrEscape    = errors.New(`the path has a "%" that two hexadecimal digits do not follow, or an encoded NUL`)
	ErrAmbiguous = errors.New("the path has a dot segment beside an encoded slash or backslash")
	ErrParameter = errors.New(`the path has a dot segment with a parameter, such as "..;"`)
	// ErrReadings is for a path that is clean, and that Bare finds another rule for.
	ErrReadings = errors.New(`the path has a parameter, after ";", without which another rule would serve it`)
)

// Clean returns the path in the one form that is matched and that backends get,
// so that what the gateway guards is what the backend serves:
//
//	//a//b        /a/b      empty elements are dropped, a trailing slash stays
//	/a/./b/../c   /a/c      dot segments are resolved; none leads above the root
//	/%61/%2e%2E/b /b        encoded letters, digits, "-", ".", "_", "~" are decoded
//	/a%2fb        /a%2Fb    other escapes stay, in upper case: an encoded slash
//	                        does not separate elements
//	/a/..%2Fb     refused   a backend that decodes first would see a dot segment
//	/a/..;/b      refused   a servlet takes the parameter off, and then resolves
//	/a;x/b        /a;x/b    parameters of names stay: see Bare
//	/a\b  /a%zz   refused   not a path by RFC 3986, and read differently by many
//
// A path that is clean already is returned as it is, without allocating. "*" of
// an OPTIONS request is clean.
func Clean(path string) (string, error) {
	if path == "" || path[0] != '/' {
		if path == "*" {
			return path, nil
		}
		return "", ErrRelative
	}
	tidy := true
	for i := range len(path) {
		c := path[i]
		switch {
		case c == '%' || c == '.' && path[i-1] == '/' || c == '/' && i > 0 && path[i-1] == '/':
			tidy = false
		case !legal[c]:
			return "", ErrByte
		}
	}
	if tidy {
		return path, nil
	}
	return rewrite(path)
}

// legal are the bytes that stand for themselves in a path: pchar of RFC 3986 and
// the slash, and those that clients often forget to encode and nobody misreads.
var legal = func() (set [256]bool) {
	const others = `/-._~!$&'()*+,;=:@` + `"<>[]^{|}` + "`"
	for c := range set {
		alphanumeric := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		set[c] = alphanumeric || strings.IndexByte(others, byte(c)) >= 0 && c < 0x80
	}
	return set
}()

// rewrite is Clean for paths that may have to be changed.
func rewrite(path string) (string, error) {
	decoded, separators, err := unescape(path)
	if err != nil {
		return "", err
	}
	if separators && hiddenDots(decoded) {
		return "", ErrAmbiguous
	}
	if parameterDots(decoded) {
		return "", ErrParameter
	}
	return resolve(decoded), nil
}

// unescape decodes what RFC 3986 calls unreserved and writes other escapes in
// upper case. It tells whether a slash or backslash is among those that stay.
func unescape(path string) (decoded string, separators bool, err error) {
	if strings.IndexByte(path, '%') < 0 {
		return path, false, nil
	}
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			out = append(out, path[i])
			continue
		}
		if i+2 >= len(path) {
			return "", false, ErrEscape
		}
		high, low := unhex(path[i+1]), unhex(path[i+2])
		c := high<<4 | low
		if high > 15 || low > 15 || c == 0 {
			return "", false, ErrEscape
		}
		if unreserved(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', upperHex[high], upperHex[low])
		}
		separators = separators || c == '/' || c == '\\'
		i += 2
	}
	return string(out), separators, nil
}

const upperHex = "0123456789ABCDEF"

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

func unreserved(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// hiddenDots tells whether an element is a dot segment once encoded separators
// count as such.
func hiddenDots(path string) bool {
	for element := range strings.SplitSeq(separated.Replace(path), "/") {
		if element == ".." || element == "." {
			return true
		}
	}
	return false
}

// parameterDots tells whether an element is a dot segment once its parameters are
// taken off, in whatever order a backend decodes, separates and takes off.
func parameterDots(path string) bool {
	if !strings.Contains(path, ".;") && !strings.Contains(path, ".%3B") {
		return false
	}
	for element := range strings.SplitSeq(separated.Replace(path), "/") {
		name, _, has := strings.Cut(strings.ReplaceAll(element, "%3B", ";"), ";")
		if has && (name == ".." || name == ".") {
			return true
		}
	}
	return false
}

// Bare returns a clean path as a backend reads it that takes parameters off, as servlets
// do: without what follows a semicolon in each element. Others read them as part of the
// name. What is served has one meaning only where both readings find the same rule; a
// path without parameters is returned as it is, without allocating.
func Bare(path string) string {
	if strings.IndexByte(path, ';') < 0 && !strings.Contains(path, "%3B") {
		return path
	}
	elements := strings.Split(path, "/")
	for i, element := range elements {
		elements[i], _, _ = strings.Cut(strings.ReplaceAll(element, "%3B", ";"), ";")
	}
	return resolve(strings.Join(elements, "/"))
}

var separated = strings.NewReplacer("%2F", "/", "%5C", "/")

// resolve drops empty elements and resolves dot segments.
func resolve(path string) string {
	out := make([]byte, 0, len(path))
	last := ""
	for element := range strings.SplitSeq(path[1:], "/") {
		last = element
		switch element {
		case "", ".":
		case "..":
			out = out[:max(0, bytes.LastIndexByte(out, '/'))]
		default:
			out = append(append(out, '/'), element...)
		}
	}
	if last == "" || last == "." || last == ".." {
		out = append(out, '/')
	}
	return string(out)
}
