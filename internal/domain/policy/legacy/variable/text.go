package variable

import (
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/function"
)

// maxNesting is how deeply variables may stand in variables.
const maxNesting = 16

// text is a string with variables.
type text []part

// part is literal text, or a variable.
type part struct {
	literal  string
	variable *expression
}

// expression is what stands between {{ and }}.
type expression struct {
	// source as it is written, for messages.
	source string
	// itself is {{@}}.
	itself bool
	// query is compiled where no other variable is part of the expression.
	query *jmespath.Query
	// parts are what the expression is made of otherwise.
	parts text
}

// variables are the ones in a text, not those inside of them.
func (t text) variables() []*expression {
	var all []*expression
	for _, p := range t {
		if p.variable != nil {
			all = append(all, p.variable)
		}
	}
	return all
}

// plain is the text if there is no variable in it.
func (t text) plain() (string, bool) {
	var all strings.Builder
	for _, p := range t {
		if p.variable != nil {
			return "", false
		}
		all.WriteString(p.literal)
	}
	return all.String(), true
}

// reader cuts a string into parts.
type reader struct {
	source string
	at     int
	depth  int
	// pending is text that is not a part yet.
	pending []byte
	parts   text
}

// parseText reads a string. What looks like the beginning of a variable that
// does not end is text.
func parseText(source string) (text, error) {
	r := &reader{source: source}
	for r.at < len(source) {
		rest := source[r.at:]
		switch {
		case strings.HasPrefix(rest, `\{{`):
			r.at++
			r.copy(2)
		case strings.HasPrefix(rest, "{{"):
			closed, err := r.variable()
			if err != nil {
				return nil, err
			}
			if !closed {
				r.copy(2)
			}
		default:
			r.copy(1)
		}
	}
	return r.flush(), nil
}

// copy takes so many bytes as text.
func (r *reader) copy(length int) {
	r.pending = append(r.pending, r.source[r.at:r.at+length]...)
	r.at += length
}

// flush makes a part of pending text, and returns all parts.
func (r *reader) flush() text {
	if len(r.pending) > 0 {
		r.parts = append(r.parts, part{literal: string(r.pending)})
		r.pending = nil
	}
	return r.parts
}

// variable reads from {{ on, up to the }} that belongs to it. It takes nothing
// if there is none.
func (r *reader) variable() (closed bool, err error) {
	if r.depth == maxNesting {
		return false, fmt.Errorf("variables stand in variables more than %d levels deep", maxNesting)
	}
	inner := &reader{source: r.source, at: r.at + 2, depth: r.depth + 1}
	if closed, err = inner.expression(); err != nil || !closed {
		return false, err
	}
	parsed, err := compile(r.source[r.at+2:inner.at-2], inner.flush())
	if err != nil {
		return false, err
	}
	r.parts = append(r.flush(), part{variable: parsed})
	r.at = inner.at
	return true, nil
}

// expression reads up to and including }}. Braces of the expression itself come
// in pairs, and do not count within its quotes.
func (r *reader) expression() (closed bool, err error) {
	braces := 0
	for r.at < len(r.source) {
		rest := r.source[r.at:]
		closed = true
		switch character := rest[0]; {
		case strings.HasPrefix(rest, "{{"):
			closed, err = r.variable()
		case strings.HasPrefix(rest, "}}") && braces == 0:
			r.at += 2
			return true, nil
		case strings.IndexByte("'\"`", character) >= 0:
			closed, err = r.quoted(character)
		default:
			braces += weight(character)
			r.copy(1)
		}
		if err != nil || !closed || braces < 0 {
			return false, err
		}
	}
	return false, nil
}

// weight counts braces.
func weight(character byte) int {
	switch character {
	case '{':
		return 1
	case '}':
		return -1
	default:
		return 0
	}
}

// quoted reads from a quote up to and including the next one.
func (r *reader) quoted(quote byte) (closed bool, err error) {
	r.copy(1)
	for r.at < len(r.source) {
		rest := r.source[r.at:]
		switch {
		case strings.HasPrefix(rest, "{{"):
			if closed, err := r.variable(); err != nil || !closed {
				return false, err
			}
		case isEscape(rest, quote):
			r.copy(2)
		default:
			r.copy(1)
			if rest[0] == quote {
				return true, nil
			}
		}
	}
	return false, nil
}

// isEscape tells whether a backslash takes the next character into the quotes,
// as JMESPath has it: in single quotes it does so with the quote only.
func isEscape(rest string, quote byte) bool {
	return len(rest) > 1 && rest[0] == '\\' && (quote != '\'' || rest[1] == '\'')
}

// compile makes an expression of its parts.
func compile(source string, parts text) (*expression, error) {
	compiled := &expression{source: strings.TrimSpace(source), parts: parts}
	plain, ok := parts.plain()
	if !ok {
		return compiled, nil
	}
	if plain = strings.TrimSpace(plain); plain == "@" {
		compiled.itself = true
		return compiled, nil
	}
	var err error
	compiled.query, err = jmespath.Compile(plain)
	return compiled, err
}

// resolve fills in a text. With one variable and nothing else it keeps the type.
func (t text) resolve(in place) (any, error) {
	if len(t) == 1 && t[0].variable != nil {
		return t[0].variable.resolve(in)
	}
	return t.join(in)
}

// join fills in a text as a string.
func (t text) join(in place) (string, error) {
	var all strings.Builder
	for _, p := range t {
		if p.variable == nil {
			all.WriteString(p.literal)
			continue
		}
		value, err := p.variable.resolve(in)
		if err != nil {
			return "", err
		}
		written, err := function.Text(value)
		if err != nil {
			return "", err
		}
		all.WriteString(written)
		if all.Len() > function.MaxText {
			return "", fmt.Errorf("the text would be longer than %d bytes", function.MaxText)
		}
	}
	return all.String(), nil
}

// resolve evaluates an expression.
func (e *expression) resolve(in place) (any, error) {
	value, err := e.evaluate(in)
	if err != nil {
		return nil, fmt.Errorf("variable {{ %s }}: %w", e.source, err)
	}
	return value, nil
}

func (e *expression) evaluate(in place) (any, error) {
	if e.itself {
		return in.context.at(in.path)
	}
	if e.query != nil {
		return in.context.Query(e.query)
	}
	written, err := e.parts.join(in)
	if err != nil {
		return nil, err
	}
	return in.context.Search(strings.TrimSpace(written))
}
