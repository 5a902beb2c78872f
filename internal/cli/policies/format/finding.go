package format

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// Finding is what one rule said of one object.
type Finding struct {
	policy.Result
	// Resource is the object.
	Resource Resource `json:"resource"`
	// File and Line say where the object, or the field that is wrong, stands.
	// They are empty for a live object.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Resource names an object.
type Resource struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// String is "namespace/Kind/name", without what is empty.
func (r Resource) String() string {
	if r.Namespace == "" {
		return r.Kind + "/" + r.Name
	}
	return r.Namespace + "/" + r.Kind + "/" + r.Name
}

// Of is the finding for a result about an object.
func Of(result policy.Result, o scenario.Object) Finding {
	kind := o.GVK()
	return Finding{
		Result:   result,
		Resource: Resource{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Namespace: o.Namespace(), Name: o.Name()},
		File:     o.File, Line: o.LineOf(dotted(result.Field)),
	}
}

var index = regexp.MustCompile(`^\d+$`)

// dotted turns /spec/containers/0/image/ into spec.containers[0].image.
func dotted(pointer string) string {
	var path strings.Builder
	for part := range strings.SplitSeq(strings.Trim(pointer, "/"), "/") {
		switch {
		case index.MatchString(part):
			path.WriteString("[" + part + "]")
		case path.Len() > 0:
			path.WriteString("." + part)
		default:
			path.WriteString(part)
		}
	}
	return path.String()
}

// Counts are how many findings have which status.
type Counts map[policy.Status]int

// Count counts findings.
func Count(findings []Finding) Counts {
	counts := Counts{}
	for _, finding := range findings {
		counts[finding.Status]++
	}
	return counts
}

// JSON writes all findings as a list.
func JSON(w io.Writer, findings []Finding) error {
	if findings == nil {
		findings = []Finding{}
	}
	return indented(w, findings)
}

func indented(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
