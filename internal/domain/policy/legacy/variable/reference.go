package variable

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// References are $(path). Within text they come with the character before them.
// A path holds neither spaces nor parentheses.
var (
	references     = regexp.MustCompile(`(^|[^\\])\$\(([^ ()]+)\)`)
	referenceAlone = regexp.MustCompile(`^\$\(([^ ()]+)\)$`)
)

// follow returns the tree with references replaced by what they point at, which
// is what the policy itself says there, anchors aside.
func (p *parser) follow(tree, root any, at place) any {
	switch tree := tree.(type) {
	case string:
		return p.followText(tree, root, at)
	case []any:
		followed := make([]any, len(tree))
		for i, element := range tree {
			followed[i] = p.follow(element, root, at.below(strconv.Itoa(i)))
		}
		return followed
	case map[string]any:
		followed := make(map[string]any, len(tree))
		for key, value := range tree {
			followed[key] = p.follow(value, root, at.below(key))
		}
		return followed
	default:
		return tree
	}
}

// followText replaces the references in a string. One that stands alone, without
// an operator, keeps the type of what it points at.
func (p *parser) followText(source string, root any, at place) any {
	if !strings.Contains(source, "$(") {
		return source
	}
	if alone := referenceAlone.FindStringSubmatch(source); len(alone) > 0 {
		value, err := followed(alone[1], root, at.path)
		if err != nil {
			p.wrong = append(p.wrong, at.wrong(err))
		}
		return value
	}
	replaced := references.ReplaceAllStringFunc(source, func(found string) string {
		match := references.FindStringSubmatch(found)
		value, err := followed(match[2], root, at.path)
		text, ok := pattern.Text(value)
		if err == nil && !ok {
			err = fmt.Errorf("reference $(%s) points at a value that cannot be part of a text", match[2])
		}
		if err != nil {
			p.wrong = append(p.wrong, at.wrong(err))
		}
		return match[1] + text
	})
	return strings.ReplaceAll(replaced, `\$(`, "$(")
}

// followed returns what a reference points at, with its operator before it.
func followed(reference string, root any, from []string) (any, error) {
	operator := operatorOf(reference)
	target := reference[len(operator):]
	if target == "" {
		return nil, fmt.Errorf("reference $(%s) has no path", reference)
	}
	if !path.IsAbs(target) {
		target = path.Join("/", path.Join(from...), target)
	}
	value, ok := lookUp(root, strings.Split(strings.Trim(path.Clean(target), "/"), "/"))
	if !ok {
		return nil, fmt.Errorf("reference $(%s) points at %s, where there is nothing", reference, target)
	}
	if operator == "" {
		return value, nil
	}
	text, ok := pattern.Text(value)
	if !ok {
		return nil, fmt.Errorf("reference $(%s) has the operator %s, and points at a value that cannot be compared", reference, operator)
	}
	return operator + text, nil
}

func operatorOf(reference string) string {
	for _, operator := range []string{">=", "<=", ">", "<", "!"} {
		if strings.HasPrefix(reference, operator) {
			return operator
		}
	}
	return ""
}

// lookUp finds a leaf by a path without anchors.
func lookUp(tree any, steps []string) (any, bool) {
	for _, step := range steps {
		switch branch := tree.(type) {
		case map[string]any:
			key, ok := keyNamed(branch, step)
			if !ok {
				return nil, false
			}
			tree = branch[key]
		case []any:
			position, err := strconv.Atoi(step)
			if err != nil || position < 0 || position >= len(branch) {
				return nil, false
			}
			tree = branch[position]
		default:
			return nil, false
		}
	}
	return tree, tree != nil
}

// keyNamed finds a key by its name, with or without an anchor.
func keyNamed(object map[string]any, name string) (string, bool) {
	if _, ok := object[name]; ok {
		return name, true
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if withoutAnchor(key) == name {
			return key, true
		}
	}
	return "", false
}

func withoutAnchor(key string) string {
	if anchor, ok := pattern.ParseAnchor(key); ok {
		return anchor.Key
	}
	return key
}
