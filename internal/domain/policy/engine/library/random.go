package library

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"strings"

	"github.com/google/cel-go/common/types/ref"
)

// Limits of random texts.
const (
	defaultPattern = "[0-9a-z]{8}"
	maxRepeat      = 64
	maxRandom      = 4096
	maxSteps       = 1 << 17
)

// errNothing is for patterns that no text matches.
var errNothing = errors.New("nothing can match")

// random is random([pattern]): a text that matches a regular expression.
func random(s *Session, args []ref.Val) (any, error) {
	pattern := defaultPattern
	if len(args) == 1 {
		pattern = text(args[0])
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	writer := &matching{rand: s.Random()}
	if err := writer.write(parsed); err != nil {
		return nil, fmt.Errorf("random(%q): %w", pattern, err)
	}
	return writer.String(), nil
}

// matching writes a text that matches.
type matching struct {
	strings.Builder
	rand  *rand.Rand
	steps int
}

func (m *matching) write(re *syntax.Regexp) error {
	if m.steps++; m.Len() > maxRandom || m.steps > maxSteps {
		return fmt.Errorf("the text becomes longer than %d bytes, or the pattern nests too deep", maxRandom)
	}
	switch re.Op {
	case syntax.OpLiteral:
		m.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		return m.class(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		m.WriteByte(byte(' ' + m.rand.IntN('~'-' '+1)))
	case syntax.OpCapture, syntax.OpConcat:
		return m.all(re.Sub)
	case syntax.OpAlternate:
		return m.write(re.Sub[m.rand.IntN(len(re.Sub))])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return m.repeat(re)
	case syntax.OpNoMatch:
		return errNothing
	default: // Anchors and the empty match write nothing.
	}
	return nil
}

func (m *matching) all(parts []*syntax.Regexp) error {
	for _, part := range parts {
		if err := m.write(part); err != nil {
			return err
		}
	}
	return nil
}

// class picks one of the runes of pairs of bounds.
func (m *matching) class(bounds []rune) error {
	total := 0
	for i := 0; i < len(bounds); i += 2 {
		total += int(bounds[i+1]-bounds[i]) + 1
	}
	if total == 0 {
		return errNothing
	}
	pick := m.rand.IntN(total)
	for i := 0; i < len(bounds); i += 2 {
		width := int(bounds[i+1]-bounds[i]) + 1
		if pick < width {
			m.WriteRune(bounds[i] + rune(pick))
			return nil
		}
		pick -= width
	}
	return nil
}

func (m *matching) repeat(re *syntax.Regexp) error {
	least, most := 0, maxRepeat
	switch re.Op {
	case syntax.OpPlus:
		least = 1
	case syntax.OpQuest:
		most = 1
	case syntax.OpRepeat:
		least, most = re.Min, re.Max
		if most < 0 {
			most = max(least, maxRepeat)
		}
	default:
	}
	for range least + m.rand.IntN(most-least+1) {
		if err := m.write(re.Sub[0]); err != nil {
			return err
		}
	}
	return nil
}
