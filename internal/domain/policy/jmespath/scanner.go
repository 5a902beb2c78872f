package jmespath

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// scanner cuts an expression into tokens.
type scanner struct {
	text string
	at   int
}

// scan returns the tokens of an expression; the last one is the end.
func scan(text string) ([]token, error) {
	s := &scanner{text: text}
	var tokens []token
	for {
		s.skipSpace()
		next, err := s.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, next)
		if next.kind == end {
			return tokens, nil
		}
	}
}

func (s *scanner) skipSpace() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

func (s *scanner) next() (token, error) {
	start := s.at
	if start == len(s.text) {
		return token{kind: end, offset: start}, nil
	}
	switch first := s.text[start]; {
	case isLetter(first):
		return s.run(identifier, func(c byte) bool { return isLetter(c) || isDigit(c) }), nil
	case isDigit(first), first == '-' && start+1 < len(s.text) && isDigit(s.text[start+1]):
		return s.run(number, isDigit), nil
	case first == '"':
		return s.quoted()
	case first == '\'':
		return s.raw()
	case first == '`':
		return s.literal()
	default:
		return s.mark()
	}
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// run takes the first byte and all that follow and belong to the token.
func (s *scanner) run(k kind, belongs func(byte) bool) token {
	start := s.at
	s.at++
	for s.at < len(s.text) && belongs(s.text[s.at]) {
		s.at++
	}
	return token{kind: k, text: s.text[start:s.at], offset: start}
}

// mark takes one or two characters of punctuation, the longer first.
func (s *scanner) mark() (token, error) {
	start := s.at
	for length := min(2, len(s.text)-start); length > 0; length-- {
		if k, ok := marks[s.text[start:start+length]]; ok {
			s.at += length
			return token{kind: k, text: s.text[start:s.at], offset: start}, nil
		}
	}
	character, _ := utf8.DecodeRuneInString(s.text[start:])
	return token{}, failure(s.text, start, "unexpected character %q", character)
}

var marks = func() map[string]kind {
	all := map[string]kind{}
	for k, spelling := range punctuation {
		all[spelling] = k
	}
	return all
}()

// until returns what stands between the delimiter at the scanner and the next
// one that no backslash precedes, as written.
func (s *scanner) until(delimiter byte) (string, error) {
	start := s.at
	for i := start + 1; i < len(s.text); i++ {
		switch s.text[i] {
		case '\\':
			i++
		case delimiter:
			s.at = i + 1
			return s.text[start+1 : i], nil
		}
	}
	return "", failure(s.text, start, "%c is not closed", delimiter)
}

// quoted takes a name in double quotes, with the escapes of JSON.
func (s *scanner) quoted() (token, error) {
	start := s.at
	body, err := s.until('"')
	if err != nil {
		return token{}, err
	}
	var name string
	if err := json.Unmarshal([]byte(`"`+body+`"`), &name); err != nil {
		return token{}, failure(s.text, start, "the quoted name is not a JSON string: %v", err)
	}
	return token{kind: quotedIdentifier, text: name, offset: start}, nil
}

// raw takes a string in single quotes. Only the quote can be escaped: every
// other backslash stays, so that regular expressions read as they are written.
func (s *scanner) raw() (token, error) {
	start := s.at
	var text strings.Builder
	for i := start + 1; i < len(s.text); i++ {
		switch {
		case s.text[i] == '\'':
			s.at = i + 1
			return token{kind: rawString, text: text.String(), offset: start}, nil
		case strings.HasPrefix(s.text[i:], `\'`):
			i++
			text.WriteByte('\'')
		default:
			text.WriteByte(s.text[i])
		}
	}
	return token{}, failure(s.text, start, "%c is not closed", '\'')
}

// literal takes JSON in backticks.
func (s *scanner) literal() (token, error) {
	start := s.at
	body, err := s.until('`')
	if err != nil {
		return token{}, err
	}
	var value any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(body, "\\`", "`")), &value); err != nil {
		return token{}, failure(s.text, start, "the literal in backticks is not JSON: %v", err)
	}
	return token{kind: literal, value: value, offset: start}, nil
}

// failure is a syntax error at an offset in bytes.
func failure(text string, offset int, format string, args ...any) error {
	return &SyntaxError{
		Expression: text,
		Column:     utf8.RuneCountInString(text[:offset]) + 1,
		Message:    fmt.Sprintf(format, args...),
	}
}
