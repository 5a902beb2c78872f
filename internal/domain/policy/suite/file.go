package suite

import (
	"cmp"
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// FileName is the name under which tests are looked for.
const FileName = "kyverno-test.yaml"

// Test is the content of a test file. Paths are relative to its folder.
type Test struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// Name is the older place of metadata.name.
	Name string `json:"name,omitempty"`

	Policies         []string             `json:"policies,omitempty"`
	Resources        []string             `json:"resources,omitempty"`
	TargetResources  []string             `json:"targetResources,omitempty"`
	ParamResources   []string             `json:"paramResources,omitempty"`
	ClusterResources []string             `json:"clusterResources,omitempty"`
	Exceptions       []string             `json:"exceptions,omitempty"`
	Variables        string               `json:"variables,omitempty"`
	Values           *scenario.ValuesSpec `json:"values,omitempty"`
	UserInfo         string               `json:"userinfo,omitempty"`
	Context          string               `json:"context,omitempty"`
	// OldResources are objects as they were before updates.
	OldResources []string `json:"oldResources,omitempty"`
	// APICallResponses are answers to requests of policies.
	APICallResponses []APICallResponse `json:"apiCallResponses,omitempty"`
	// GlobalContextEntries are entries of the global context.
	GlobalContextEntries []GlobalContextEntry `json:"globalContextEntries,omitempty"`
	Results              []Expectation        `json:"results,omitempty"`

	// The others are read to be reported.
	JSONPayload  string            `json:"jsonPayload,omitempty"`
	JSONPayloads []string          `json:"jsonPayloads,omitempty"`
	HTTPPayload  string            `json:"httpPayload,omitempty"`
	EnvoyPayload string            `json:"envoyPayload,omitempty"`
	Checks       []json.RawMessage `json:"checks,omitempty"`
}

// GlobalContextEntry is an entry of the global context: data, or a list of objects,
// and what expressions of JMESPath make of it.
type GlobalContextEntry struct {
	Name          string           `json:"name"`
	Data          any              `json:"data,omitempty"`
	Resources     []map[string]any `json:"resources,omitempty"`
	ResourceFiles []string         `json:"resourceFiles,omitempty"`
	FieldPath     string           `json:"fieldPath,omitempty"`
	Projections   []struct {
		Name     string `json:"name"`
		Path     string `json:"path,omitempty"`
		JMESPath string `json:"jmesPath,omitempty"`
	} `json:"projections,omitempty"`
}

// APICallResponse is the answer to one request of a policy.
type APICallResponse struct {
	Method   string `json:"method,omitempty"`
	URL      string `json:"url,omitempty"`
	URLPath  string `json:"urlPath,omitempty"`
	Response struct {
		StatusCode int `json:"statusCode,omitempty"`
		Body       any `json:"body,omitempty"`
	} `json:"response"`
}

// answer is the answer to the request, by its URL or path.
func (r APICallResponse) answer() scenario.HTTPAnswer {
	return scenario.HTTPAnswer{Method: r.Method, URL: cmp.Or(r.URL, r.URLPath), Status: r.Response.StatusCode, Body: r.Response.Body}
}

// Title is the test's name.
func (t *Test) Title() string {
	if t.ObjectMeta.Name != "" {
		return t.ObjectMeta.Name
	}
	return t.Name
}

// Expectation is what a policy is expected to say of objects.
type Expectation struct {
	// Policy is NAME or NAMESPACE/NAME.
	Policy string `json:"policy"`
	// Rule is required for kinds that name their rules.
	Rule string `json:"rule,omitempty"`

	IsValidatingAdmissionPolicy bool `json:"isValidatingAdmissionPolicy,omitempty"`
	IsMutatingAdmissionPolicy   bool `json:"isMutatingAdmissionPolicy,omitempty"`
	IsValidatingPolicy          bool `json:"isValidatingPolicy,omitempty"`
	IsMutatingPolicy            bool `json:"isMutatingPolicy,omitempty"`
	IsImageValidatingPolicy     bool `json:"isImageValidatingPolicy,omitempty"`
	IsDeletingPolicy            bool `json:"isDeletingPolicy,omitempty"`
	IsGeneratingPolicy          bool `json:"isGeneratingPolicy,omitempty"`

	// Result is expected; Status is its older name.
	Result policy.Status `json:"result,omitempty"`
	Status policy.Status `json:"status,omitempty"`

	// ResourceOperation is what the request does; what the values say unless it is
	// set. Operation is another name of it.
	ResourceOperation string `json:"resourceOperation,omitempty"`
	Operation         string `json:"operation,omitempty"`

	// Kind of the objects; any unless it is set.
	Kind string `json:"kind,omitempty"`
	// Resources are NAME or NAMESPACE/NAME; all objects of the kind when neither
	// they nor ResourceSpecs are given. Resource and Namespace are older forms.
	Resources     []string       `json:"resources,omitempty"`
	ResourceSpecs []ResourceSpec `json:"resourceSpecs,omitempty"`
	Resource      string         `json:"resource,omitempty"`
	Namespace     string         `json:"namespace,omitempty"`

	// PatchedResources is a file with the objects as they must be after the
	// policy; PatchedResource is its older name.
	PatchedResources string `json:"patchedResources,omitempty"`
	PatchedResource  string `json:"patchedResource,omitempty"`
	// GeneratedResource and CloneSourceResource are read to be reported.
	GeneratedResource   string `json:"generatedResource,omitempty"`
	CloneSourceResource string `json:"cloneSourceResource,omitempty"`
}

// ResourceSpec names one object.
type ResourceSpec struct {
	Group       string `json:"group,omitempty"`
	Version     string `json:"version,omitempty"`
	Kind        string `json:"kind,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Subresource string `json:"subresource,omitempty"`
	Name        string `json:"name,omitempty"`
}

// result is the expected one.
func (e *Expectation) result() policy.Status {
	if e.Result != "" {
		return e.Result
	}
	return e.Status
}

// operation is what the request does, empty for what the values say.
func (e *Expectation) operation() string { return cmp.Or(e.ResourceOperation, e.Operation) }

func (e *Expectation) patched() string {
	if e.PatchedResources != "" {
		return e.PatchedResources
	}
	return e.PatchedResource
}

// wants tells whether the expectation is about a rule. Kinds without named rules
// are judged as a whole.
func (e *Expectation) wants(rule string) bool {
	return rule == e.Rule || rule == "autogen-"+e.Rule || rule == "autogen-cronjob-"+e.Rule
}

// selects tells whether the expectation is about an object.
func (e *Expectation) selects(name string, o scenario.Object) bool {
	if e.Kind != "" && e.Kind != o.GVK().Kind {
		return false
	}
	if e.Namespace != "" && e.Namespace != o.Namespace() {
		return false
	}
	namespace, short, qualified := strings.Cut(name, "/")
	if qualified {
		return short == o.Name() && namespace == o.Namespace()
	}
	return name == o.Name()
}

func (s ResourceSpec) selects(o scenario.Object) bool {
	kind := o.GVK()
	fits := func(wanted, have string) bool { return wanted == "" || wanted == have }
	return fits(s.Group, kind.Group) && fits(s.Version, kind.Version) && fits(s.Kind, kind.Kind) &&
		fits(s.Namespace, o.Namespace()) && fits(s.Name, o.Name())
}

// ParseFile reads the tests in a file.
func ParseFile(file string, data []byte) ([]*Case, []yamldoc.Mistake) {
	documents, mistakes := yamldoc.Split(file, data)
	var cases []*Case
	for _, document := range documents {
		if document.Kind() != "" && document.Kind() != "Test" {
			mistakes = append(mistakes, document.Mistake("kind", "must be Test, not "+document.Kind()))
			continue
		}
		c := &Case{File: file, source: document}
		if wrong := document.Decode(&c.Test); len(wrong) > 0 {
			mistakes = append(mistakes, wrong...)
			continue
		}
		cases = append(cases, c)
	}
	return cases, mistakes
}
