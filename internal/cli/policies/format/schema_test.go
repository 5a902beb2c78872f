package format_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/roadbed-dev/roadbed/internal/cli/policies/format"
)

// sarifSchema is the standard's own (OASIS, SARIF 2.1.0 errata 01), unchanged.
const sarifSchema = "testdata/sarif-schema-2.1.0.json"

// TestSARIFMeetsItsSchema holds logs against the standard's schema, and the schema
// against a log that is none.
func TestSARIFMeetsItsSchema(t *testing.T) {
	t.Parallel()
	file, err := os.Open(sarifSchema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(sarifSchema, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(sarifSchema)
	if err != nil {
		t.Fatal(err)
	}
	for name, found := range map[string][]format.Finding{"findings": findings(t), "nothing": nil} {
		var out bytes.Buffer
		if err := format.SARIF(&out, found, nil); err != nil {
			t.Fatal(err)
		}
		log, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(log); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		log.(map[string]any)["runs"].([]any)[0].(map[string]any)["results"] = []any{map[string]any{"level": "fatal"}}
		if schema.Validate(log) == nil {
			t.Error("the schema takes anything")
		}
	}
}

// junitSchema are the elements that build servers read (Jenkins' schema), each
// with the attributes and the elements that it may have.
var junitSchema = map[string]struct{ attributes, elements []string }{
	"testsuites": {[]string{"name", "time", "tests", "failures", "disabled", "errors", "skipped"}, []string{"testsuite"}},
	"testsuite":  {[]string{"name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package", "file"}, []string{"properties", "testcase", "system-out", "system-err"}},
	"testcase":   {[]string{"name", "assertions", "time", "classname", "status", "class", "file", "line"}, []string{"skipped", "error", "failure", "system-out", "system-err"}},
	"failure":    {[]string{"type", "message"}, nil},
	"error":      {[]string{"type", "message"}, nil},
	"skipped":    {[]string{"type", "message"}, nil},
}

// TestJUnitMeetsItsSchema wants known elements only, in their places, and counts
// that are those of the cases.
func TestJUnitMeetsItsSchema(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := format.JUnit(&out, format.Cases(findings(t))); err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(&out)
	var open []string
	counted, claimed := map[string]int{}, map[string]int{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch element := token.(type) {
		case xml.StartElement:
			name := element.Name.Local
			counted[name]++
			known, ok := junitSchema[name]
			if !ok || len(open) > 0 && !slices.Contains(junitSchema[open[len(open)-1]].elements, name) || len(open) == 0 && name != "testsuites" {
				t.Errorf("element %s in %v", name, open)
			}
			for _, attribute := range element.Attr {
				if !slices.Contains(known.attributes, attribute.Name.Local) {
					t.Errorf("element %s has an attribute %s", name, attribute.Name.Local)
				}
				if count, err := strconv.Atoi(attribute.Value); err == nil && name == "testsuite" {
					claimed[attribute.Name.Local] += count
				}
			}
			open = append(open, name)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	for attribute, element := range map[string]string{"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"} {
		if claimed[attribute] != counted[element] || counted[element] == 0 {
			t.Errorf("%s says %d, and there are %d", attribute, claimed[attribute], counted[element])
		}
	}
}
