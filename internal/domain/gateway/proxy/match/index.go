package match

import (
	"cmp"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Found is one match of one rule, with what the rule was compiled to.
type Found[P any] struct {
	// Route and Rule as the Config has them.
	Route *gateway.Route
	Rule  *gateway.Rule
	// Match is the alternative of the rule that holds.
	Match *gateway.Match
	// Plan is what the Builder was given for the rule.
	Plan P

	method           string
	headers, queries []value
	pattern          *regexp.Regexp
	literal          string
	rule, match      int
}

// holds tells whether all but the path match.
func (f *Found[P]) holds(request *http1.Request) bool {
	if f.method != "" && f.method != request.Method {
		return false
	}
	if f.headers != nil && !headersHold(f.headers, request.Header) {
		return false
	}
	return f.queries == nil || queriesHold(f.queries, request.Query)
}

// index finds by path. It is immutable: a change makes another one, which has what did
// not change in common with the one before.
type index[P any] struct {
	exact    map[string][]*Found[P]
	prefixes *node[P]
	// patterns are sorted by the length of their literal beginning, longest first.
	patterns []*Found[P]
}

// node is a path whose elements lead to it from the root of the tree.
type node[P any] struct {
	children map[string]*node[P]
	found    []*Found[P]
	// length is that of the prefix in bytes, 1 for "/".
	length int
	// mark is that of the edit that made the node, and may change it until it ends.
	mark *mark
}

// compile makes the candidates of a route.
func compile[P any](route *gateway.Route, plans []P) []*Found[P] {
	var all []*Found[P]
	for r := range route.Rules {
		rule := &route.Rules[r]
		for m := range rule.Matches {
			match := &rule.Matches[m]
			f := &Found[P]{
				Route: route, Rule: rule, Match: match, Plan: plans[r], rule: r, match: m,
				method: match.Method, headers: values(match.Headers), queries: values(match.Queries),
			}
			if match.Path.Regexp != nil {
				f.pattern, f.literal = whole(match.Path.Regexp), beginning(match.Path.Regexp)
			}
			all = append(all, f)
		}
	}
	return all
}

// beginning returns the text that every match of a pattern begins with.
func beginning(pattern *regexp.Regexp) string {
	parsed, err := syntax.Parse(pattern.String(), syntax.Perl)
	if err != nil { // it was compiled from that text
		return ""
	}
	var text strings.Builder
	literally(parsed.Simplify(), &text)
	return text.String()
}

// literally writes the literal beginning of an expression, and tells whether
// that is all of the expression.
func literally(expression *syntax.Regexp, text *strings.Builder) bool {
	switch expression.Op {
	case syntax.OpBeginText, syntax.OpBeginLine, syntax.OpEmptyMatch:
		return true
	case syntax.OpLiteral:
		if expression.Flags&syntax.FoldCase != 0 {
			return false
		}
		text.WriteString(string(expression.Rune))
		return true
	case syntax.OpCapture, syntax.OpConcat:
		for _, part := range expression.Sub {
			if !literally(part, text) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// cleaned returns the path of a match in the form that requests are compared in.
// What Clean refuses matches nothing.
func cleaned(path string) string {
	if clean, err := Clean(path); err == nil {
		return clean
	}
	return path
}

// elementAt returns the element of a path that follows the slash at i.
func elementAt(path string, i int) string {
	element, _, _ := strings.Cut(path[i+1:], "/")
	return element
}

// precedence sorts candidates of one path.
func precedence[P any](a, b *Found[P]) int {
	return cmp.Or(
		cmp.Compare(least(b.method), least(a.method)),
		cmp.Compare(len(b.headers), len(a.headers)),
		cmp.Compare(len(b.queries), len(a.queries)),
		a.Route.Created.Compare(b.Route.Created),
		cmp.Compare(a.Route.Namespace, b.Route.Namespace),
		cmp.Compare(a.Route.Name, b.Route.Name),
		cmp.Compare(a.rule, b.rule),
		cmp.Compare(a.match, b.match),
	)
}

// least is 1 for a method and 0 for none.
func least(method string) int { return min(len(method), 1) }

// find returns the first candidate that holds, or nil.
func (x *index[P]) find(path string, request *http1.Request) *Found[P] {
	if f := first(x.exact[path], request); f != nil {
		return f
	}
	patterns := x.patterns
	if f := x.prefixes.find(path, 0, request, &patterns); f != nil {
		return f
	}
	for _, f := range patterns {
		if f.covers(path, request) {
			return f
		}
	}
	return nil
}

// find returns the first candidate of the longest prefix that the path has; the node is
// that of its first at bytes. Patterns whose beginning is as long come first, and are
// taken off the list.
func (n *node[P]) find(path string, at int, request *http1.Request, patterns *[]*Found[P]) *Found[P] {
	if at < len(path) && path[0] == '/' {
		element := elementAt(path, at)
		if child := n.children[element]; child != nil {
			if f := child.find(path, at+1+len(element), request, patterns); f != nil {
				return f
			}
		}
	}
	for len(*patterns) > 0 && len((*patterns)[0].literal) >= n.length {
		f := (*patterns)[0]
		if f.covers(path, request) {
			return f
		}
		*patterns = (*patterns)[1:]
	}
	return first(n.found, request)
}

// covers tells whether a pattern and all else match.
func (f *Found[P]) covers(path string, request *http1.Request) bool {
	return strings.HasPrefix(path, f.literal) && f.holds(request) && f.pattern.MatchString(path)
}

func first[P any](candidates []*Found[P], request *http1.Request) *Found[P] {
	for _, f := range candidates {
		if f.holds(request) {
			return f
		}
	}
	return nil
}
