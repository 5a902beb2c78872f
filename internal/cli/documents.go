package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxInput bounds a file of manifests, in bytes.
const maxInput = 32 << 20

// document is one YAML document of a file, and the object that it says.
type document struct {
	// file is the name to show, node the document with its line numbers.
	file   string
	node   *yaml.Node
	object client.Object
}

// errorAt says what is wrong with one line of a file.
func (d document) errorAt(field, message string) error {
	where := fmt.Sprintf("%s:%d: ", d.file, lineOf(d.node, field))
	if field != "" && !strings.Contains(message, field) {
		where += field + ": "
	}
	return errors.New(where + message)
}

// readDocuments reads every document of the files, "-" being what the user
// types, and decodes it strictly into one of the scheme's kinds. All errors are
// found, not only the first.
func (p *program) readDocuments(scheme *runtime.Scheme, files []string) ([]document, error) {
	var documents []document
	var problems []error
	for _, file := range files {
		found, err := p.readFile(scheme, file)
		documents = append(documents, found...)
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s: no object in it", strings.Join(files, ", "))
	}
	return documents, nil
}

func (p *program) readFile(scheme *runtime.Scheme, file string) ([]document, error) {
	data, name, err := p.readInput(file)
	if err != nil {
		return nil, err
	}
	return parseDocuments(scheme, name, data)
}

// readInput reads a file, or the standard input when the file is "-", and says
// under which name to speak of it.
func (p *program) readInput(file string) (data []byte, name string, err error) {
	in, name := p.In, "stdin"
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, "", err
		}
		defer opened.Close() //nolint:errcheck // nothing was written
		in, name = opened, file
	}
	data, err = io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxInput {
		return nil, "", fmt.Errorf("%s: more than %d MiB", name, maxInput>>20)
	}
	return data, name, nil
}

// parseDocuments decodes every document in data; name is the file's.
func parseDocuments(scheme *runtime.Scheme, name string, data []byte) ([]document, error) {
	var documents []document
	var problems []error
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return documents, errors.Join(problems...)
		}
		if err != nil {
			return nil, errors.Join(append(problems, malformed(name, err))...)
		}
		if isEmpty(&node) {
			continue
		}
		doc := document{file: name, node: &node}
		if err := doc.decode(scheme); err != nil {
			problems = append(problems, err)
			continue
		}
		documents = append(documents, doc)
	}
}

func isEmpty(node *yaml.Node) bool {
	return len(node.Content) == 0 || node.Content[0].Tag == "!!null"
}

var (
	yamlLine = regexp.MustCompile(`line (\d+): (.*)`)
	// zeroBased are the errors whose lines the YAML library counts from 0.
	zeroBased = regexp.MustCompile(`did not find expected (',' or|key|node content|'-' indicator|<)`)
)

// malformed puts the YAML library's error into our form.
func malformed(name string, err error) error {
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		line, _ := strconv.Atoi(found[1])
		if zeroBased.MatchString(found[2]) {
			line++
		}
		return fmt.Errorf("%s:%d: malformed YAML: %s", name, line, found[2])
	}
	return fmt.Errorf("%s: malformed YAML: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
}

// decode turns the document into an object of the scheme.
func (d *document) decode(scheme *runtime.Scheme) error {
	if d.node.Content[0].Kind != yaml.MappingNode {
		return d.errorAt("", "this is no object: one begins with apiVersion and kind")
	}
	var plain map[string]any
	if err := d.node.Decode(&plain); err != nil {
		return malformed(d.file, err)
	}
	for _, required := range []string{"apiVersion", "kind"} {
		if value, _ := plain[required].(string); value == "" {
			return d.errorAt("", required+" is missing")
		}
	}
	data, err := yaml.Marshal(d.node)
	if err != nil {
		return d.errorAt("", err.Error())
	}
	serializer := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
	decoded, _, err := serializer.Decode(data, nil, nil)
	if err != nil {
		return d.explain(err)
	}
	object, ok := decoded.(client.Object)
	if !ok {
		return d.errorAt("kind", fmt.Sprintf("%v is not an object but a list: give its items one by one", plain["kind"]))
	}
	d.object = object
	return nil
}

var (
	unknownField = regexp.MustCompile(`^(?:unknown|duplicate) field "([^"]+)"`)
	wrongType    = regexp.MustCompile(`cannot unmarshal (\S+) into Go struct field \w+\.(\S+) of type (\S+)`)
)

// explain finds the lines that a decoding error speaks of.
func (d *document) explain(err error) error {
	if runtime.IsNotRegisteredError(err) {
		return d.errorAt("kind", fmt.Sprintf("kind %q of %q is not known here", d.text("kind"), d.text("apiVersion")))
	}
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		return d.explainStrict(strict.Errors())
	}
	if found := wrongType.FindStringSubmatch(err.Error()); found != nil {
		return d.errorAt(found[2], fmt.Sprintf("%s: must not be a %s", found[2], found[1]))
	}
	if field, value, ok := badQuantity(d.node.Content[0], ""); ok {
		return d.errorAt(field, fmt.Sprintf("%s: %q is not a quantity such as 500m, 2 or 10Gi", field, value))
	}
	return d.errorAt("", err.Error())
}

// explainStrict puts unknown and repeated fields into the order of their lines.
func (d *document) explainStrict(mistakes []error) error {
	fieldOf := func(mistake error) string {
		if found := unknownField.FindStringSubmatch(mistake.Error()); found != nil {
			return found[1]
		}
		return ""
	}
	slices.SortStableFunc(mistakes, func(a, b error) int {
		return cmp.Compare(lineOf(d.node, fieldOf(a)), lineOf(d.node, fieldOf(b)))
	})
	all := make([]error, len(mistakes))
	for i, mistake := range mistakes {
		all[i] = d.errorAt(fieldOf(mistake), mistake.Error())
	}
	return errors.Join(all...)
}

func (d *document) text(key string) string {
	if node, _ := entry(d.node.Content[0], key); node != nil {
		return node.Value
	}
	return ""
}

// quantityFields are the fields whose values are quantities or maps of them.
var quantityFields = regexp.MustCompile(`(^|\.)(quota|envelope|default|defaultRequest|max|min|capacity)(\.|\[|$)`)

// badQuantity finds the first value that should be a quantity and is not.
func badQuantity(node *yaml.Node, path string) (field, value string, found bool) {
	switch node.Kind {
	case yaml.ScalarNode:
		_, err := resource.ParseQuantity(node.Value)
		return path, node.Value, err != nil && quantityFields.MatchString(path) && !strings.HasSuffix(path, ".default")
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			child := strings.TrimPrefix(path+"."+node.Content[i].Value, ".")
			if field, value, found = badQuantity(node.Content[i+1], child); found {
				return field, value, true
			}
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			if field, value, found = badQuantity(item, fmt.Sprintf("%s[%d]", path, i)); found {
				return field, value, true
			}
		}
	default: // An alias was seen where its anchor stands.
	}
	return "", "", false
}
