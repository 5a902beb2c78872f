package yamldoc

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// LineOf finds the line of a field in a YAML document. The path is written as
// the API server writes it: spec.namespaces[1].quota[requests.cpu], with list
// items by index, by key (namespaces[name=dev]) or by their name or id alone
// (versions[v1]). Where the path leads nowhere,
// as for a required field that is missing, the line is that of the nearest
// parent.
func LineOf(document *yaml.Node, path string) int {
	node := document
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	line := node.Line
	for path != "" {
		next, at, rest := step(resolve(node), path)
		if next == nil {
			return line
		}
		node, line, path = next, at, rest
	}
	return line
}

func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// step goes one field down: it returns the child, the line on which it begins
// and what remains of the path, or nil when there is no such child.
func step(node *yaml.Node, path string) (child *yaml.Node, line int, rest string) {
	if strings.HasPrefix(path, "[") {
		key, rest, ok := strings.Cut(path[1:], "]")
		if !ok {
			return nil, 0, ""
		}
		child, line := bracket(node, strings.Trim(key, `"`))
		return child, line, strings.TrimPrefix(rest, ".")
	}
	return dotted(node, path)
}

// bracket finds the list item or the map entry that stands in brackets.
func bracket(node *yaml.Node, key string) (child *yaml.Node, line int) {
	if node.Kind == yaml.MappingNode {
		return Entry(node, key)
	}
	if node.Kind != yaml.SequenceNode {
		return nil, 0
	}
	if field, value, ok := strings.Cut(key, "="); ok {
		return itemWith(node, field, strings.Trim(value, `"`))
	}
	if index, err := strconv.Atoi(key); err == nil && index >= 0 && index < len(node.Content) {
		return node.Content[index], node.Content[index].Line
	}
	if child, line = itemWith(node, "name", key); child == nil {
		child, line = itemWith(node, "id", key)
	}
	return child, line
}

func itemWith(list *yaml.Node, field, value string) (child *yaml.Node, line int) {
	for _, item := range list.Content {
		if found, _ := Entry(resolve(item), field); found != nil && found.Value == value {
			return item, item.Line
		}
	}
	return nil, 0
}

// LastWith is the index of the last item, in the list at the path, whose key is
// such as name="dev".
func LastWith(document *yaml.Node, path, key string) (index int, found bool) {
	field, value, ok := strings.Cut(key, "=")
	list := At(document, path)
	if !ok || list == nil || list.Kind != yaml.SequenceNode {
		return 0, false
	}
	for i, item := range list.Content {
		if have, _ := Entry(resolve(item), field); have != nil && have.Value == strings.Trim(value, `"`) {
			index, found = i, true
		}
	}
	return index, found
}

// At is the node to which the path leads, nil if it leads nowhere.
func At(document *yaml.Node, path string) *yaml.Node {
	if document == nil || len(document.Content) == 0 {
		return nil
	}
	node := document.Content[0]
	for path != "" {
		next, _, rest := step(resolve(node), path)
		if next == nil {
			return nil
		}
		node, path = next, rest
	}
	return resolve(node)
}

// dotted finds the entry with the longest key that the path begins with, since
// keys such as requests.cpu hold dots themselves.
func dotted(node *yaml.Node, path string) (child *yaml.Node, line int, rest string) {
	if node.Kind != yaml.MappingNode {
		return nil, 0, ""
	}
	longest := -1
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i].Value
		after, ok := strings.CutPrefix(path, key)
		if !ok || len(key) <= longest || after != "" && after[0] != '.' && after[0] != '[' {
			continue
		}
		longest = len(key)
		child, line, rest = node.Content[i+1], node.Content[i].Line, strings.TrimPrefix(after, ".")
	}
	return child, line, rest
}

// Entry is the value and the line of a key of a mapping; nil if there is none.
func Entry(mapping *yaml.Node, key string) (child *yaml.Node, line int) {
	if mapping.Kind != yaml.MappingNode {
		return nil, 0
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1], mapping.Content[i].Line
		}
	}
	return nil, 0
}
