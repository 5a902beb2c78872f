package yamldoc

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	k8syaml "sigs.k8s.io/yaml"
)

// Split reads the documents of a stream; file is the name to show. Empty
// documents are left out. A document with a mistake is left out as well, and
// the others are read all the same.
func Split(file string, data []byte) (documents []*Document, mistakes []Mistake) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for _, part := range cut(data) {
		document, mistake := read(file, part)
		if mistake != nil {
			mistakes = append(mistakes, *mistake)
			continue
		}
		if document != nil {
			documents = append(documents, document)
		}
	}
	return documents, mistakes
}

// part is the text of one document, and how many lines stand before it.
type part struct {
	text   []byte
	before int
}

// cut divides a stream at lines that begin with "---". What follows on such a
// line belongs to the next document, and so do lines that end a document ("...").
func cut(data []byte) []part {
	if json.Valid(data) {
		return []part{{text: data}}
	}
	var parts []part
	current := part{}
	lines := 0
	for line := range bytes.Lines(data) {
		if rest, ok := separator(line); ok {
			parts = append(parts, current)
			current = part{before: lines}
			line = rest
		}
		current.text = append(current.text, line...)
		lines++
	}
	return append(parts, current)
}

// separator tells whether a line begins a document, and gives the line with the
// marker blanked out.
func separator(line []byte) (rest []byte, ok bool) {
	after, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok || len(after) > 0 && !bytes.ContainsRune([]byte(" \t\r\n"), rune(after[0])) {
		return nil, false
	}
	return append([]byte("   "), after...), true
}

// read reads one document; nil if it is empty.
func read(file string, p part) (*Document, *Mistake) {
	text := p.text
	if json.Valid(text) {
		// YAML knows no tabs between tokens, and JSON has none inside them.
		text = bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, p.malformed(file, nearest(text, err))
	}
	if len(node.Content) == 0 || node.Content[0].Tag == "!!null" {
		return nil, nil
	}
	shift(&node, p.before)
	encoded, err := k8syaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, p.malformed(file, err)
	}
	document := &Document{File: file, Line: node.Content[0].Line, node: &node, json: encoded}
	if mistake := document.readHead(); mistake != nil {
		return nil, mistake
	}
	return document, nil
}

// shift moves the nodes down the file.
func shift(node *yaml.Node, lines int) {
	node.Line += lines
	for _, child := range node.Content {
		shift(child, lines)
	}
}

var (
	yamlLine = regexp.MustCompile(`line (\d+): (.*)`)
	// zeroBased are the errors whose lines the YAML library counts from 0.
	zeroBased = regexp.MustCompile(`did not find expected (',' or|key|node content|'-' indicator|<)`)
	// indented are the errors for which the library that nodes are read with names
	// the line where the block around the mistake begins.
	indented = regexp.MustCompile(`did not find expected (key|'-' indicator)|found a tab character`)
)

// nearest is the error that names the line of the mistake, of the two that the
// libraries have for a text.
func nearest(text []byte, err error) error {
	if !indented.MatchString(err.Error()) {
		return err
	}
	if _, other := k8syaml.YAMLToJSONStrict(text); other != nil && indented.MatchString(other.Error()) {
		return other
	}
	return err
}

// Malformed says what a YAML library found wrong, and at which line; 0 when it
// does not say.
func Malformed(err error) (line int, message string) {
	found := yamlLine.FindStringSubmatch(err.Error())
	if found == nil {
		return 0, "malformed YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")
	}
	line, _ = strconv.Atoi(found[1])
	if zeroBased.MatchString(found[2]) {
		line++
	}
	return line, "malformed YAML: " + found[2]
}

func (p part) malformed(file string, err error) *Mistake {
	line, message := Malformed(err)
	last := bytes.Count(p.text, []byte("\n")) + 1
	return &Mistake{File: file, Line: p.before + min(max(line, 1), last), Message: message}
}
