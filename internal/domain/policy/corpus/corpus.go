// Package corpus holds cases that show what policies mean: for each feature of
// the formats that Roadbed reads, a policy, objects, and what comes of them.
//
// A case is a txtar archive under cases/. Its comment says what it checks; its
// files are:
//
//	policy.yaml     policies, exceptions and whatever else is loaded
//	resources.yaml  the objects that are judged, one after the other
//	request.yaml    how they are sent: a Sending; a CREATE by nobody without it
//	world.yaml      what policies may look up: a Stage; nothing without it
//	expect.txt      results, one a line: RESOURCE RULE STATUS [: PART OF THE MESSAGE]
//	mutated.yaml    the objects that come out changed, as they come out
//	problems.txt    parts of the problems that loading must report, one a line
//
// Results and changed objects must be exactly those. Whoever implements a lane,
// or translates policies, runs the cases of its formats: Judge and Differences
// are all it takes. To add a case, add a file. Tests alone use this package.
package corpus

import (
	"bufio"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

//go:embed cases
var cases embed.FS

// Case is one of the corpus.
type Case struct {
	// Name is the path below cases/, such as "functions/to_upper".
	Name string
	// Description says what the case checks.
	Description string
	// Policy is what is loaded, as YAML.
	Policy []byte
	// Resources are the objects that are judged.
	Resources []map[string]any
	// Sending and Stage are how and where.
	Sending Sending
	Stage   Stage
	// Expected results, as lines.
	Expected []Line
	// Mutated are the objects that come out changed.
	Mutated []map[string]any
	// Problems are parts of what loading reports.
	Problems []string
}

// Line is a result that a case expects.
type Line struct {
	Resource, Rule, Status string
	// Message is a part of the message; empty for any.
	Message string
}

// String is the line as it stands in expect.txt.
func (l Line) String() string {
	text := l.Resource + " " + l.Rule + " " + l.Status
	if l.Message != "" {
		text += ": " + l.Message
	}
	return text
}

// All returns the cases of a folder below cases/, or all of them for ".".
func All(folder string) ([]Case, error) {
	var all []Case
	err := fs.WalkDir(cases, path.Join("cases", folder), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := cases.ReadFile(name)
		if err != nil {
			return err
		}
		parsed, err := Parse(strings.TrimSuffix(strings.TrimPrefix(name, "cases/"), ".txtar"), text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, parsed)
		return nil
	})
	return all, err
}

// Parse reads a case. It must have a comment, a policy, and results or problems.
func Parse(name string, text []byte) (Case, error) {
	archive := txtar.Parse(text)
	parsed := Case{Name: name, Description: strings.TrimSpace(string(archive.Comment))}
	for _, file := range archive.Files {
		if err := parsed.read(file); err != nil {
			return Case{}, fmt.Errorf("%s: %w", file.Name, err)
		}
	}
	switch {
	case parsed.Description == "":
		return Case{}, errors.New("the comment must say what the case checks")
	case parsed.Policy == nil:
		return Case{}, errors.New("there is no policy.yaml")
	case len(parsed.Expected) == 0 && len(parsed.Problems) == 0:
		return Case{}, errors.New("there is neither expect.txt nor problems.txt")
	}
	return parsed, nil
}

func (c *Case) read(file txtar.File) (err error) {
	switch file.Name {
	case "policy.yaml":
		c.Policy = file.Data
	case "resources.yaml":
		c.Resources, err = objects(file.Data)
	case "mutated.yaml":
		c.Mutated, err = objects(file.Data)
	case "request.yaml":
		err = sigsyaml.UnmarshalStrict(file.Data, &c.Sending)
	case "world.yaml":
		err = sigsyaml.UnmarshalStrict(file.Data, &c.Stage)
	case "expect.txt":
		c.Expected, err = results(file.Data)
	case "problems.txt":
		c.Problems = lines(file.Data)
	default:
		err = errors.New("a case has no such file")
	}
	return err
}

// objects reads a stream of documents, with numbers as the API server has them.
func objects(data []byte) ([]map[string]any, error) {
	var all []map[string]any
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		encoded, err := sigsyaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, err
		}
		var object map[string]any
		if err := json.Unmarshal(encoded, &object); err != nil {
			return nil, err
		}
		if len(object) > 0 {
			all = append(all, object)
		}
	}
}

func results(data []byte) ([]Line, error) {
	var all []Line
	for _, line := range lines(data) {
		head, message, _ := strings.Cut(line, ": ")
		words := strings.Fields(head)
		if len(words) != 3 {
			return nil, fmt.Errorf("%q is not RESOURCE RULE STATUS", line)
		}
		all = append(all, Line{Resource: words[0], Rule: words[1], Status: words[2], Message: message})
	}
	return all, nil
}

// lines without the empty ones.
func lines(data []byte) []string {
	var all []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}
