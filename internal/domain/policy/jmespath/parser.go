package jmespath

import "strconv"

// parser builds nodes from tokens by operator precedence.
type parser struct {
	text   string
	tokens []token
	at     int
	depth  int
}

// parse returns the root of an expression.
func parse(text string, tokens []token) (node, error) {
	p := &parser{text: text, tokens: tokens}
	root, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != end {
		return nil, p.unexpected(p.peek())
	}
	return root, nil
}

// peek returns the token at the parser. The end is never passed.
func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) peekSecond() token { return p.tokens[min(p.at+1, len(p.tokens)-1)] }

func (p *parser) take() token {
	taken := p.tokens[p.at]
	p.at = min(p.at+1, len(p.tokens)-1)
	return taken
}

func (p *parser) expect(k kind) error {
	if p.peek().kind != k {
		return p.fail(p.peek(), "expected %s, found %s", k, p.described(p.peek()))
	}
	p.take()
	return nil
}

func (p *parser) fail(at token, format string, args ...any) error {
	return failure(p.text, at.offset, format, args...)
}

func (p *parser) unexpected(found token) error {
	if found.kind == end {
		return p.fail(found, "the expression is incomplete")
	}
	return p.fail(found, "unexpected %s", p.described(found))
}

// described names a token with what is written.
func (p *parser) described(t token) string {
	switch t.kind {
	case identifier, quotedIdentifier, number:
		return t.kind.String() + " " + strconv.Quote(t.text)
	default:
		return t.kind.String()
	}
}

// expression parses as far as tokens bind more strongly than the power.
func (p *parser) expression(power int) (node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > MaxDepth {
		return nil, p.fail(p.peek(), "the expression nests deeper than %d levels", MaxDepth)
	}
	left, err := p.prefix(p.take())
	for steps := 0; err == nil && power < p.peek().kind.power(); steps++ {
		if steps == MaxChain {
			return nil, p.fail(p.peek(), "more than %d steps follow each other", MaxChain)
		}
		left, err = p.infix(left, p.take())
	}
	return left, err
}

// prefix parses what begins with the token.
func (p *parser) prefix(t token) (node, error) {
	switch t.kind {
	case literal:
		return constant{t.value}, nil
	case rawString:
		return constant{t.text}, nil
	case identifier:
		if p.peek().kind == leftParen {
			return p.call(t)
		}
		return field{name: t.text}, nil
	case quotedIdentifier:
		if p.peek().kind == leftParen {
			return nil, p.fail(t, "the name of a function is not quoted")
		}
		return field{name: t.text, quoted: true}, nil
	case current:
		return identity{}, nil
	case star:
		return p.valueProjection(identity{})
	case filter:
		return p.filtered(identity{})
	case flatten:
		return p.flattened(identity{})
	case leftBracket:
		return p.bracket()
	case leftBrace:
		return p.multiSelectHash()
	default:
		return p.operator(t)
	}
}

// operator parses what begins with a token that needs an operand.
func (p *parser) operator(t token) (node, error) {
	switch t.kind {
	case ampersand:
		operand, err := p.expression(0)
		return reference{operand}, err
	case not:
		operand, err := p.expression(not.power())
		return negation{operand}, err
	case leftParen:
		inner, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return inner, p.expect(rightParen)
	default:
		return nil, p.unexpected(t)
	}
}

// infix parses what continues an expression with the token.
func (p *parser) infix(left node, t token) (node, error) {
	switch t.kind {
	case dot:
		return p.afterDot(left)
	case pipe:
		right, err := p.expression(pipe.power())
		return piped{left, right}, err
	case or:
		right, err := p.expression(or.power())
		return disjunction{left, right}, err
	case and:
		right, err := p.expression(and.power())
		return conjunction{left, right}, err
	case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual:
		right, err := p.expression(t.kind.power())
		return comparison{t.kind, left, right}, err
	case filter:
		return p.filtered(left)
	case flatten:
		return p.flattened(left)
	case leftBracket:
		return p.afterBracket(left, t)
	default:
		return nil, p.unexpected(t)
	}
}

func (p *parser) afterDot(left node) (node, error) {
	if p.peek().kind == star {
		p.take()
		return p.valueProjection(left)
	}
	right, err := p.dotted(dot.power())
	return subexpression{left, right}, err
}

// dotted parses what may stand behind a dot.
func (p *parser) dotted(power int) (node, error) {
	switch p.peek().kind {
	case identifier, quotedIdentifier, star:
		return p.expression(power)
	case leftBracket:
		p.take()
		return p.multiSelectList()
	case leftBrace:
		p.take()
		return p.multiSelectHash()
	default:
		return nil, p.fail(p.peek(), "a name, '*', '[' or '{' must follow '.', found %s", p.described(p.peek()))
	}
}

// bracket parses what begins with '[': an index, a slice, a projection or a
// list of expressions.
func (p *parser) bracket() (node, error) {
	switch {
	case p.peek().kind == number, p.peek().kind == colon:
		return p.indexed(identity{})
	case p.peek().kind == star && p.peekSecond().kind == rightBracket:
		p.take()
		p.take()
		return p.projection(identity{}, star.power())
	default:
		return p.multiSelectList()
	}
}

func (p *parser) afterBracket(left node, opening token) (node, error) {
	switch p.peek().kind {
	case number, colon:
		return p.indexed(left)
	case star:
		p.take()
		if err := p.expect(rightBracket); err != nil {
			return nil, err
		}
		return p.projection(left, star.power())
	default:
		return nil, p.fail(opening, "an index, a slice, '*' or '?' must follow '[', found %s", p.described(p.peek()))
	}
}

// indexed parses an index or a slice up to the closing bracket.
func (p *parser) indexed(left node) (node, error) {
	if p.peek().kind == colon || p.peekSecond().kind == colon {
		return p.sliced(left)
	}
	position, err := p.integer()
	if err != nil {
		return nil, err
	}
	return subexpression{left, index{position}}, p.expect(rightBracket)
}

func (p *parser) sliced(left node) (node, error) {
	var parts [3]*int
	for part := 0; p.peek().kind != rightBracket; {
		if p.peek().kind == colon {
			if part++; part == len(parts) {
				return nil, p.fail(p.peek(), "a slice has at most two colons")
			}
			p.take()
			continue
		}
		if parts[part] != nil {
			return nil, p.fail(p.peek(), "expected ':' or ']', found %s", p.described(p.peek()))
		}
		limit, err := p.integer()
		if err != nil {
			return nil, err
		}
		parts[part] = &limit
	}
	if parts[2] != nil && *parts[2] == 0 {
		return nil, p.fail(p.peek(), "the step of a slice cannot be 0")
	}
	p.take()
	return p.projection(subexpression{left, slice{parts[0], parts[1], parts[2]}}, star.power())
}

func (p *parser) integer() (int, error) {
	t := p.take()
	if t.kind != number {
		return 0, p.fail(t, "expected a number, found %s", p.described(t))
	}
	value, err := strconv.ParseInt(t.text, 10, 32)
	if err != nil {
		return 0, p.fail(t, "%s is too large", t.text)
	}
	return int(value), nil
}

func (p *parser) projection(left node, power int) (node, error) {
	right, err := p.projected(power)
	return projection{left, right}, err
}

func (p *parser) valueProjection(left node) (node, error) {
	right, err := p.projected(star.power())
	return valueProjection{left, right}, err
}

func (p *parser) flattened(left node) (node, error) {
	right, err := p.projected(flatten.power())
	return projection{flattening{left}, right}, err
}

func (p *parser) filtered(left node) (node, error) {
	condition, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if err := p.expect(rightBracket); err != nil {
		return nil, err
	}
	if p.peek().kind == flatten {
		return filterProjection{left, identity{}, condition}, nil
	}
	right, err := p.projected(filter.power())
	return filterProjection{left, right, condition}, err
}

// projected parses what is done with each element of a projection.
func (p *parser) projected(power int) (node, error) {
	switch next := p.peek().kind; {
	case next.power() < projectionStop:
		return identity{}, nil
	case next == leftBracket, next == filter:
		return p.expression(power)
	case next == dot:
		p.take()
		return p.dotted(power)
	default:
		return nil, p.unexpected(p.peek())
	}
}
