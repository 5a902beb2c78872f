package yamldoc

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	kjson "sigs.k8s.io/json"
)

// Mistake is what is wrong with a document.
type Mistake struct {
	// File and Line say where; the line counts from 1.
	File string `json:"file"`
	Line int    `json:"line"`
	// Field is the path that is wrong, empty for the document as a whole.
	Field string `json:"field,omitempty"`
	// Message says what is wrong.
	Message string `json:"message"`
}

// Join makes one error of mistakes, with a line for each; nil if there are none.
func Join(mistakes []Mistake) error {
	all := make([]error, len(mistakes))
	for i, mistake := range mistakes {
		all[i] = errors.New(mistake.String())
	}
	return errors.Join(all...)
}

// String is "file:line: field: message".
func (m Mistake) String() string {
	if m.Field == "" || strings.Contains(m.Message, m.Field) {
		return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Message)
	}
	return fmt.Sprintf("%s:%d: %s: %s", m.File, m.Line, m.Field, m.Message)
}

// Document is one document of a stream. It never changes.
type Document struct {
	// File is the name to show.
	File string
	// Line is where the document begins.
	Line int

	node *yaml.Node // a document node whose lines are the file's
	json []byte
	head head
}

// head is what says what a document is.
type head struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

// APIVersion is the document's, empty if it has none.
func (d *Document) APIVersion() string { return d.head.APIVersion }

// Kind is the document's, empty if it has none.
func (d *Document) Kind() string { return d.head.Kind }

// Name is metadata.name, empty if there is none.
func (d *Document) Name() string { return d.head.Metadata.Name }

// Namespace is metadata.namespace, empty if there is none.
func (d *Document) Namespace() string { return d.head.Metadata.Namespace }

// LineOf is the line of a field, or of the nearest parent that is there.
func (d *Document) LineOf(path string) int { return LineOf(d.node, path) }

// LineWithin is the line of a place inside a text field: line counts from 1 in
// the text.
func (d *Document) LineWithin(path string, line int) int {
	at := d.LineOf(path)
	node := At(d.node, path)
	if node == nil || line < 1 {
		return at
	}
	if node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return node.Line + line
	}
	return node.Line + line - 1
}

// Mistake says that a field is wrong.
func (d *Document) Mistake(field, message string) Mistake {
	return Mistake{File: d.File, Line: d.LineOf(field), Field: field, Message: message}
}

// Value is the document as JSON values: maps, slices, strings, booleans, int64,
// float64 and nil. Each call returns a copy of its own.
func (d *Document) Value() any {
	var value any
	if err := utiljson.Unmarshal(d.json, &value); err != nil {
		return nil // It was checked when the document was read.
	}
	return value
}

// Object is the document as an object; nil if it is none.
func (d *Document) Object() map[string]any {
	object, _ := d.Value().(map[string]any)
	return object
}

// Decode fills a value strictly and returns all mistakes, in the order of their
// lines.
func (d *Document) Decode(into any) []Mistake {
	strict, err := kjson.UnmarshalStrict(d.json, into)
	if err != nil {
		return []Mistake{d.wrongValue(err)}
	}
	mistakes := make([]Mistake, len(strict))
	for i, mistake := range strict {
		mistakes[i] = d.Mistake(fieldOf(mistake), mistake.Error())
	}
	slices.SortStableFunc(mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
	return mistakes
}

var (
	unknownField = regexp.MustCompile(`^(?:unknown|duplicate) field "([^"]+)"`)
	wrongType    = regexp.MustCompile(`cannot unmarshal (\S+) into Go (?:struct field \w*\.(\S+)|value) of type (\S+)`)
)

func fieldOf(mistake error) string {
	if found := unknownField.FindStringSubmatch(mistake.Error()); found != nil {
		return found[1]
	}
	return ""
}

// jsonNames are what users call the types of Go.
var jsonNames = []struct{ prefix, name string }{
	{"[]", "a list"},
	{"map[", "an object"},
	{"string", "a text"},
	{"bool", "true or false"},
	{"int", "a whole number"},
	{"uint", "a whole number"},
	{"float", "a number"},
	{"*", ""},
}

func (d *Document) wrongValue(err error) Mistake {
	found := wrongType.FindStringSubmatch(err.Error())
	if found == nil {
		return d.Mistake("", strings.TrimPrefix(err.Error(), "json: "))
	}
	wanted := "an object"
	for _, each := range jsonNames {
		if strings.HasPrefix(found[3], each.prefix) && each.name != "" {
			wanted = each.name
			break
		}
	}
	return d.Mistake(found[2], fmt.Sprintf("must be %s, not %s", wanted, article(found[1])))
}

func article(word string) string {
	switch word {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	}
	return "a " + word
}

// Items are the documents in a list such as kubectl prints; ok is false if the
// document is no list.
func (d *Document) Items() (items []*Document, mistakes []Mistake, ok bool) {
	if !strings.HasSuffix(d.Kind(), "List") {
		return nil, nil, false
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(d.json, &list); err != nil {
		return nil, []Mistake{d.Mistake("items", "must be a list")}, true
	}
	for i, raw := range list.Items {
		node := At(d.node, fmt.Sprintf("items[%d]", i))
		if node == nil || bytes.Equal(raw, []byte("null")) {
			mistakes = append(mistakes, d.Mistake(fmt.Sprintf("items[%d]", i), "must be an object"))
			continue
		}
		item := &Document{File: d.File, Line: node.Line, json: raw, node: &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{node}}}
		if mistake := item.readHead(); mistake != nil {
			mistakes = append(mistakes, *mistake)
			continue
		}
		items = append(items, item)
	}
	return items, mistakes, true
}

// readHead finds out what the document is. Only an object can say.
func (d *Document) readHead() *Mistake {
	if !bytes.HasPrefix(bytes.TrimSpace(d.json), []byte("{")) {
		return nil
	}
	if err := json.Unmarshal(d.json, &d.head); err != nil {
		mistake := d.wrongValue(err)
		return &mistake
	}
	return nil
}
