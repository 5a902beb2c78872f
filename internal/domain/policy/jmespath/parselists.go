package jmespath

import "github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath/function"

// multiSelectList parses "a, b]"; the opening bracket is taken.
func (p *parser) multiSelectList() (node, error) {
	var list multiSelectList
	for {
		element, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		list.elements = append(list.elements, element)
		if p.peek().kind != comma {
			return list, p.expect(rightBracket)
		}
		p.take()
	}
}

// arguments parses "a, b)" and takes the closing parenthesis. Policies that were
// written for Kyverno may lack commas, or have one at the end: both are read.
func (p *parser) arguments() ([]node, error) {
	var arguments []node
	for p.peek().kind != rightParen {
		argument, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, argument)
		if p.peek().kind == comma {
			p.take()
		}
	}
	p.take()
	return arguments, nil
}

// multiSelectHash parses "a: x, b: y}"; the opening brace is taken. Commas may
// be missing, as in arguments.
func (p *parser) multiSelectHash() (node, error) {
	var hash multiSelectHash
	for {
		key := p.take()
		if key.kind != identifier && key.kind != quotedIdentifier {
			return nil, p.fail(key, "expected the name of a key, found %s", p.described(key))
		}
		if err := p.expect(colon); err != nil {
			return nil, err
		}
		value, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		hash.keys, hash.values = append(hash.keys, key.text), append(hash.values, value)
		if p.peek().kind == rightBrace {
			p.take()
			return hash, nil
		}
		if p.peek().kind == comma {
			p.take()
		}
	}
}

// call parses the arguments of a function, which must exist and take as many.
func (p *parser) call(name token) (node, error) {
	p.take()
	called, ok := function.Find(name.text)
	if !ok {
		return nil, p.fail(name, "there is no function %q", name.text)
	}
	arguments, err := p.arguments()
	if err != nil {
		return nil, err
	}
	if err := called.Accepts(len(arguments)); err != nil {
		return nil, p.fail(name, "%v", err)
	}
	if called, err = bound(called, arguments); err != nil {
		return nil, p.fail(name, "%v", err)
	}
	return call{called, arguments}, nil
}

// bound prepares a function whose first argument is text that is known already.
func bound(called function.Function, arguments []node) (function.Function, error) {
	if len(arguments) > 0 {
		if first, ok := arguments[0].(constant); ok {
			if text, ok := first.value.(string); ok {
				return called.Bind(text)
			}
		}
	}
	return called, nil
}
