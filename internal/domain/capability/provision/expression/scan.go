package expression

import (
	"errors"
	"strings"
)

// piece is a part of a string: text as it is, or the source of an expression.
type piece struct {
	text       string
	expression bool
}

var (
	errUnclosed = errors.New("\"${\" is not closed: end the expression with \"}\", or write \"$${\" for \"${\" itself")
	errEmpty    = errors.New("\"${}\" holds no expression: write one, or \"$${\" for \"${\" itself")
)

// scan splits a string into its pieces, in order. Text that is empty is left out.
func scan(source string) ([]piece, error) {
	var pieces []piece
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			pieces = append(pieces, piece{text: text.String()})
			text.Reset()
		}
	}
	for rest := source; rest != ""; {
		at := strings.Index(rest, "${")
		if at < 0 {
			text.WriteString(rest)
			break
		}
		if at > 0 && rest[at-1] == '$' {
			text.WriteString(rest[:at-1] + "${")
			rest = rest[at+2:]
			continue
		}
		text.WriteString(rest[:at])
		end, err := endOf(rest[at+2:])
		if err != nil {
			return nil, err
		}
		flush()
		inner := strings.TrimSpace(rest[at+2 : at+2+end])
		if inner == "" {
			return nil, errEmpty
		}
		pieces = append(pieces, piece{text: inner, expression: true})
		rest = rest[at+2+end+1:]
	}
	flush()
	return pieces, nil
}

// endOf is where the brace is that closes the expression with which the source
// begins. Braces within braces and within CEL's strings do not close it.
func endOf(source string) (int, error) {
	depth := 0
	for i := 0; i < len(source); i++ {
		switch source[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i, nil
			}
			depth--
		case '\'', '"':
			length := literal(source[i:], raw(source, i))
			if length == 0 {
				return 0, errUnclosed
			}
			i += length - 1
		}
	}
	return 0, errUnclosed
}

// raw says whether the literal that begins at a place is one without escapes,
// as r"..." and br"..." are. A name that ends in r is none of them.
func raw(source string, at int) bool {
	start := at
	for start > 0 && isWord(source[start-1]) {
		start--
	}
	switch strings.ToLower(source[start:at]) {
	case "r", "br", "rb":
		return true
	}
	return false
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// literal is the length of the CEL string with which the source begins, 0 when
// it does not end.
func literal(source string, raw bool) int {
	quote := source[:1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(source, triple) {
		quote = triple
	}
	for i := len(quote); i < len(source); i++ {
		switch {
		case source[i] == '\\' && !raw:
			i++
		case strings.HasPrefix(source[i:], quote):
			return i + len(quote)
		}
	}
	return 0
}
