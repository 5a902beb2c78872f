package migrate

import (
	"regexp"
	"strings"
)

// segment is a part of a path: .name, ."name", [0] or [].
var segment = regexp.MustCompile(`^(?:\.?([A-Za-z_][\w]*)|\.?"([^"]+)"|\[(\d+)\]|(\[\]))`)

// pathOf rewrites the part of JMESPath that most policies need: a path, perhaps
// of a projection, perhaps with an alternative that is a literal, perhaps its
// length. List tells that the value is a list.
func pathOf(query string) (expression string, list bool, err error) {
	if inner, ok := call(query, "length"); ok {
		of, _, err := pathOf(inner)
		return "size(" + of + ")", false, err
	}
	for _, function := range []string{"to_string", "to_number"} {
		if inner, ok := call(query, function); ok {
			of, list, err := pathOf(inner)
			if list {
				err = left("%s of a list is not rewritten", function)
			}
			return map[string]string{"to_string": "string(", "to_number": "double("}[function] + of + ")", false, err
		}
	}
	path, alternative, has := strings.Cut(query, "||")
	if !has {
		return walk(strings.TrimSpace(path), "")
	}
	literal, err := literalOf(strings.TrimSpace(alternative))
	if err != nil {
		return "", false, err
	}
	return walk(strings.TrimSpace(path), literal)
}

// call is what a function is called with.
func call(query, function string) (string, bool) {
	inner, ok := strings.CutPrefix(query, function+"(")
	if !ok || !strings.HasSuffix(inner, ")") || strings.Count(inner, "(") != strings.Count(inner, ")")-1 {
		return "", false
	}
	return strings.TrimSpace(strings.TrimSuffix(inner, ")")), true
}

// literalOf rewrites '...' and `...` with a text, a number, a boolean, [] or {}.
func literalOf(text string) (string, error) {
	if inner, ok := enclosed(text, "'"); ok {
		return quoted(inner), nil
	}
	inner, ok := enclosed(text, "`")
	if !ok {
		return "", left("the alternative %s is no literal", text)
	}
	inner = strings.TrimSpace(inner)
	switch {
	case strings.HasPrefix(inner, `"`):
		return quoted(strings.Trim(inner, `"`)), nil
	case inner == "[]", inner == "{}", inner == "true", inner == "false", inner == "null", quantity.MatchString(inner):
		return inner, nil
	}
	return "", left("the alternative %s is not rewritten", text)
}

func enclosed(text, mark string) (string, bool) {
	inner, begins := strings.CutPrefix(text, mark)
	inner, ends := strings.CutSuffix(inner, mark)
	return inner, begins && ends && len(text) > 1
}

// roots are where paths may begin.
var roots = map[string]string{
	"request.object": "object", "request.oldObject": "oldObject", "element": "element",
	"request.operation": "request.operation", "request.namespace": "request.namespace", "request.name": "request.name",
	"request.userInfo.username": "request.userInfo.?username.orValue('')", "request.userInfo.groups": "request.userInfo.?groups.orValue([])",
}

// walk rewrites a path. With an alternative every step may be absent.
func walk(path, alternative string) (string, bool, error) {
	at, rest := rootOf(path)
	if at == "" {
		return "", false, left("%q does not begin with request.object, request.oldObject, element or another known root", path)
	}
	list := at == roots["request.userInfo.groups"]
	step, optionals := field, false
	if alternative != "" {
		step, optionals = optional, true
	}
	for rest != "" {
		parts := segment.FindStringSubmatch(rest)
		if parts == nil {
			return "", false, left("%q of %q is not rewritten", rest, path)
		}
		rest = rest[len(parts[0]):]
		switch {
		case parts[4] != "":
			return projected(at, rest, optionals)
		case parts[3] != "":
			if optionals {
				at += "[?" + parts[3] + "]"
			} else {
				at += "[" + parts[3] + "]"
			}
		default:
			at = step(at, parts[1]+parts[2])
		}
	}
	if optionals && at == path && strings.HasPrefix(at, "request.") {
		return at, list, nil // admission always knows it, and a scan says that it creates
	}
	if optionals {
		if !strings.Contains(at, "?") {
			return "", false, left("%q cannot be absent, and has an alternative", path)
		}
		at += ".orValue(" + alternative + ")"
	}
	return at, list, nil
}

// rootOf is where a path begins, and what is left of it.
func rootOf(path string) (at, rest string) {
	longest := ""
	for root := range roots {
		follows := strings.TrimPrefix(path, root)
		if strings.HasPrefix(path, root) && len(root) > len(longest) && (follows == "" || strings.ContainsAny(follows[:1], ".[")) {
			longest = root
		}
	}
	if longest == "" {
		return "", ""
	}
	return roots[longest], strings.TrimPrefix(path, longest)
}

// projected rewrites a projection: elements without the field are left out.
func projected(at, rest string, optionals bool) (string, bool, error) {
	if optionals {
		at += ".orValue([])"
	}
	if rest == "" {
		return at, true, nil
	}
	parts := segment.FindStringSubmatch(rest)
	if len(parts) < 3 || parts[1]+parts[2] == "" || len(parts[0]) != len(rest) {
		return "", false, left("%q after a projection is not rewritten", rest)
	}
	name := parts[1] + parts[2]
	return at + ".filter(p, " + present("p", name) + ").map(p, " + field("p", name) + ")", true, nil
}

// listOf rewrites the list of a foreach: a path; one that may be absent is
// empty.
func listOf(query string) (string, error) {
	path, alternative, has := strings.Cut(query, "||")
	path = strings.TrimSuffix(strings.TrimSpace(path), "[]")
	if has && strings.TrimSpace(alternative) != "`[]`" {
		return "", left("the list %q is not rewritten", query)
	}
	expression, _, err := walk(path, "[]")
	return expression, err
}
