package function

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
)

// Limits of random text: how long it may be, and how often "*" and "+" repeat
// at most.
const (
	maxRandom  = 4096
	maxRepeats = 32
)

// random makes text that a regular expression matches.
func random(env *Env, arguments []any) (any, error) {
	if env.Random == nil {
		return nil, errors.New("there is no source of chance here")
	}
	if str(arguments[0]) == "" {
		return nil, errors.New("argument 1 must be a regular expression, not empty")
	}
	expression, err := syntax.Parse(str(arguments[0]), syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("argument 1 is not a regular expression: %w", err)
	}
	g := generator{pick: env.Random}
	if err := g.write(expression); err != nil {
		return nil, err
	}
	return g.text.String(), nil
}

// generator writes text that an expression matches.
type generator struct {
	pick func(n int) int
	text strings.Builder
}

func (g *generator) write(re *syntax.Regexp) error {
	if g.text.Len() > maxRandom {
		return fmt.Errorf("the text would be longer than %d bytes", maxRandom)
	}
	switch re.Op {
	case syntax.OpLiteral:
		g.text.WriteString(string(re.Rune))
		return nil
	case syntax.OpCharClass:
		return g.class(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return g.class([]rune{' ', '~'})
	case syntax.OpCapture, syntax.OpConcat:
		return g.sequence(re.Sub)
	case syntax.OpAlternate:
		return g.write(re.Sub[g.pick(len(re.Sub))])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return g.repeat(re)
	case syntax.OpNoMatch:
		return errors.New("no text matches the regular expression")
	default:
		return nil // Anchors and the empty match are of no length.
	}
}

func (g *generator) sequence(parts []*syntax.Regexp) error {
	for _, part := range parts {
		if err := g.write(part); err != nil {
			return err
		}
	}
	return nil
}

// class writes one character of ranges, pairs of first and last, each character
// as likely as every other.
func (g *generator) class(ranges []rune) error {
	total := 0
	for i := 0; i+1 < len(ranges); i += 2 {
		total += int(ranges[i+1]-ranges[i]) + 1
	}
	if total == 0 {
		return errors.New("no character is in a class of the regular expression")
	}
	chosen := g.pick(total)
	for i := 0; i+1 < len(ranges); i += 2 {
		size := int(ranges[i+1]-ranges[i]) + 1
		if chosen < size {
			g.text.WriteRune(ranges[i] + rune(chosen))
			return nil
		}
		chosen -= size
	}
	return nil
}

func (g *generator) repeat(re *syntax.Regexp) error {
	least, most := re.Min, re.Max
	switch re.Op {
	case syntax.OpStar:
		least, most = 0, -1
	case syntax.OpPlus:
		least, most = 1, -1
	case syntax.OpQuest:
		least, most = 0, 1
	default: // A counted repeat says how often.
	}
	if most < 0 {
		most = least + maxRepeats
	}
	for range least + g.pick(most-least+1) {
		if err := g.write(re.Sub[0]); err != nil {
			return err
		}
	}
	return nil
}
