package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	sigsyaml "sigs.k8s.io/yaml"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// maxInput bounds a file of manifests, in bytes.
const maxInput = 32 << 20

// Document is one YAML document of a file, and the object that it says.
type Document struct {
	// Object is what the document says.
	Object client.Object
	// file is the name to show, node the document with its line numbers; there
	// is none for an object that came from flags.
	file string
	node *yaml.Node
}

// ErrorAt says what is wrong with one line of a file.
func (d Document) ErrorAt(field, message string) error {
	where := fmt.Sprintf("%s:%d: ", d.file, yamldoc.LineOf(d.node, field))
	if field != "" && !strings.Contains(message, field) {
		where += field + ": "
	}
	return errors.New(where + message)
}

// Read reads every document of the files, "-" being what the user
// types, and decodes it strictly into one of the scheme's kinds. All errors are
// found, not only the first.
func Read(p *verb.Program, scheme *runtime.Scheme, files []string) ([]Document, error) {
	var documents []Document
	var problems []error
	for _, file := range files {
		found, err := readFile(p, scheme, file)
		documents = append(documents, found...)
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s: no object in it", strings.Join(files, ", "))
	}
	return documents, repeated(documents)
}

// repeated refuses an object that two documents describe: which of them was
// meant is not ours to guess.
func repeated(documents []Document) error {
	first := map[string]Document{}
	var all []error
	for _, d := range documents {
		title := Title(d.Object)
		if before, ok := first[title]; ok && d.Object.GetName() != "" {
			all = append(all, d.ErrorAt("metadata.name", fmt.Sprintf("%s is described already, at %s:%d",
				title, before.file, yamldoc.LineOf(before.node, "metadata.name"))))
			continue
		}
		first[title] = d
	}
	return errors.Join(all...)
}

func readFile(p *verb.Program, scheme *runtime.Scheme, file string) ([]Document, error) {
	data, name, err := Input(p, file)
	if err != nil {
		return nil, err
	}
	return Parse(scheme, name, data)
}

// Input reads a file, or the standard input when the file is "-", and says
// under which name to speak of it.
func Input(p *verb.Program, file string) (data []byte, name string, err error) {
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

// ReadAny reads every document of a file as the object of whatever kind that it
// says. What its kind has no field for, the API server finds.
func ReadAny(p *verb.Program, file string) ([]Document, error) {
	data, name, err := Input(p, file)
	if err != nil {
		return nil, err
	}
	documents, err := parse(name, data, (*Document).decodeAny)
	if err == nil && len(documents) == 0 {
		err = fmt.Errorf("%s: no object in it", name)
	}
	return documents, err
}

// Parse decodes every document in data; name is the file's.
func Parse(scheme *runtime.Scheme, name string, data []byte) ([]Document, error) {
	return parse(name, data, func(d *Document) error { return d.decode(scheme) })
}

func parse(name string, data []byte, decode func(*Document) error) ([]Document, error) {
	var documents []Document
	var problems []error
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return documents, errors.Join(problems...)
		}
		if err != nil {
			return nil, errors.Join(append(problems, unreadable(name, data, err))...)
		}
		if isEmpty(&node) {
			continue
		}
		doc := Document{file: name, node: &node}
		if err := decode(&doc); err != nil {
			problems = append(problems, err)
			continue
		}
		documents = append(documents, doc)
	}
}

// Malformed is what is wrong with data as YAML, at its line, nil if nothing is;
// name is the file's.
func Malformed(name string, data []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(name, data, err)
		}
	}
}

func isEmpty(node *yaml.Node) bool {
	return len(node.Content) == 0 || node.Content[0].Tag == "!!null"
}

// unreadable is what is wrong with a stream that cannot be read on. Its documents
// one by one tell the line better than the stream does.
func unreadable(name string, data []byte, err error) error {
	_, wrong := yamldoc.Malformed(err)
	_, mistakes := yamldoc.Split(name, data)
	for _, mistake := range mistakes {
		if mistake.Message == wrong {
			return errors.New(mistake.String())
		}
	}
	return malformed(name, err)
}

// malformed puts the YAML library's error into our form.
func malformed(name string, err error) error {
	line, message := yamldoc.Malformed(err)
	if line == 0 {
		return fmt.Errorf("%s: %s", name, message)
	}
	return fmt.Errorf("%s:%d: %s", name, line, message)
}

// decode turns the document into an object of the scheme.
func (d *Document) decode(scheme *runtime.Scheme) error {
	plain, err := d.plain()
	if err != nil {
		return err
	}
	data, err := yaml.Marshal(d.node)
	if err != nil {
		return d.ErrorAt("", err.Error())
	}
	serializer := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
	decoded, _, err := serializer.Decode(data, nil, nil)
	if err != nil {
		return d.explain(err)
	}
	object, ok := decoded.(client.Object)
	if !ok {
		return d.ErrorAt("kind", fmt.Sprintf("%v is not an object but a list: give its items one by one", plain["kind"]))
	}
	d.Object = object
	return nil
}

// plain is what the document says, with the fields that every object has.
func (d *Document) plain() (map[string]any, error) {
	if d.node.Content[0].Kind != yaml.MappingNode {
		return nil, d.ErrorAt("", "this is no object: one begins with apiVersion and kind")
	}
	var plain map[string]any
	if err := d.node.Decode(&plain); err != nil {
		return nil, malformed(d.file, err)
	}
	for _, required := range []string{"apiVersion", "kind"} {
		if value, _ := plain[required].(string); value == "" {
			return nil, d.ErrorAt("", required+" is missing")
		}
	}
	return plain, nil
}

// decodeAny turns the document into an object of whatever kind.
func (d *Document) decodeAny() error {
	if _, err := d.plain(); err != nil {
		return err
	}
	text, err := yaml.Marshal(d.node)
	if err == nil {
		text, err = sigsyaml.YAMLToJSON(text)
	}
	made := &unstructured.Unstructured{}
	if err == nil {
		err = made.UnmarshalJSON(text)
	}
	if err != nil {
		return d.ErrorAt("", err.Error())
	}
	if made.IsList() {
		return d.ErrorAt("kind", made.GetKind()+" is not an object but a list: give its items one by one")
	}
	d.Object = made
	return nil
}

var (
	unknownField = regexp.MustCompile(`^(?:unknown|duplicate) field "([^"]+)"`)
	wrongType    = regexp.MustCompile(`cannot unmarshal (\S+) into Go struct field \w+\.(\S+) of type (\S+)`)
)

// explain finds the lines that a decoding error speaks of.
func (d *Document) explain(err error) error {
	if runtime.IsNotRegisteredError(err) {
		return d.ErrorAt("kind", fmt.Sprintf("kind %q of %q is not known here", d.text("kind"), d.text("apiVersion")))
	}
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		return d.explainStrict(strict.Errors())
	}
	if found := wrongType.FindStringSubmatch(err.Error()); found != nil {
		return d.ErrorAt(found[2], fmt.Sprintf("%s: must not be a %s", found[2], found[1]))
	}
	if field, value, ok := badQuantity(d.node.Content[0], ""); ok {
		return d.ErrorAt(field, fmt.Sprintf("%s: %q is not a quantity such as 500m, 2 or 10Gi", field, value))
	}
	return d.ErrorAt("", err.Error())
}

// explainStrict puts unknown and repeated fields into the order of their lines.
func (d *Document) explainStrict(mistakes []error) error {
	fieldOf := func(mistake error) string { return unknownIn(mistake.Error()) }
	slices.SortStableFunc(mistakes, func(a, b error) int {
		return cmp.Compare(yamldoc.LineOf(d.node, fieldOf(a)), yamldoc.LineOf(d.node, fieldOf(b)))
	})
	all := make([]error, len(mistakes))
	for i, mistake := range mistakes {
		all[i] = d.ErrorAt(fieldOf(mistake), mistake.Error())
	}
	return errors.Join(all...)
}

func (d *Document) text(key string) string {
	if node, _ := yamldoc.Entry(d.node.Content[0], key); node != nil {
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

// ReadKind reads documents that must all be of one of Roadbed's kinds.
func ReadKind(p *verb.Program, files []string, kind string) ([]Document, error) {
	documents, err := Read(p, Scheme(), files)
	if err != nil {
		return nil, err
	}
	for _, d := range documents {
		if have := d.Object.GetObjectKind().GroupVersionKind().Kind; have != kind {
			return nil, d.ErrorAt("kind", fmt.Sprintf("this verb takes %ss, not a %s", kind, have))
		}
		if d.Object.GetName() == "" {
			return nil, d.ErrorAt("metadata", "metadata.name is missing")
		}
	}
	return documents, nil
}

// Scheme knows Roadbed's tenancy kinds and no others.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	verb.Must(tenancyv1.AddToScheme(scheme))
	return scheme
}
