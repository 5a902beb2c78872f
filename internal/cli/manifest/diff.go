package manifest

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// Change is what would become of one object.
type Change struct {
	// title names the object for people; before and after are its YAML, empty
	// where there is none.
	title, before, after string
}

// Kinds of change.
const (
	ChangeAdd    = "add"
	ChangeEdit   = "change"
	ChangeRemove = "remove"
	ChangeNone   = "keep"
)

// Kind is what sort of change it is.
func (c Change) Kind() string {
	switch {
	case c.before == c.after:
		return ChangeNone
	case c.before == "":
		return ChangeAdd
	case c.after == "":
		return ChangeRemove
	default:
		return ChangeEdit
	}
}

// NewChange compares the live object with the desired one, as far as the
// desired one speaks: what others set beside it is none of our business. Either
// may be nil, not both.
func NewChange(live, desired client.Object) (Change, error) {
	named := desired
	if named == nil {
		named = live
	}
	c := Change{title: Title(named)}
	want, err := Content(desired)
	if err != nil {
		return c, err
	}
	have, err := Content(live)
	if err != nil {
		return c, err
	}
	if live != nil && desired != nil {
		have, _ = project(have, want).(map[string]any)
	}
	if c.before, err = asYAML(have); err != nil {
		return c, err
	}
	c.after, err = asYAML(want)
	return c, err
}

// Title is KIND [NAMESPACE/]NAME.
func Title(object client.Object) string {
	kind := object.GetObjectKind().GroupVersionKind().Kind
	if ns := object.GetNamespace(); ns != "" {
		return kind + " " + ns + "/" + object.GetName()
	}
	return kind + " " + object.GetName()
}

// Content is what a person would write of the object: no status and nothing that
// the API server fills in.
func Content(object client.Object) (map[string]any, error) {
	if object == nil {
		return nil, nil
	}
	plain, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Title(object), err)
	}
	for _, field := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"} {
		unstructured.RemoveNestedField(plain, "metadata", field)
	}
	delete(plain, "status")
	dropEmpty(plain, object.GetObjectKind().GroupVersionKind().Group == tenancyv1.GroupVersion.Group)
	return plain, nil
}

// dropEmpty drops an empty spec and, in our own kinds, what was not said: empty
// structs and texts in it, and nulls. A required field that is missing is then
// missing for the API server too. In Kubernetes' kinds emptiness may mean
// something, as an empty selector does.
func dropEmpty(plain map[string]any, ours bool) {
	spec, ok := plain["spec"].(map[string]any)
	if !ok {
		return
	}
	for field, value := range spec {
		if ours && unsaid(value) {
			delete(spec, field)
		}
	}
	if len(spec) == 0 {
		delete(plain, "spec")
	}
}

func unsaid(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

// project keeps of live what desired has a word on: map entries by key, lists
// of named entries by name, other lists whole.
func project(live, desired any) any {
	liveFields, ok := live.(map[string]any)
	wanted, alsoOK := desired.(map[string]any)
	if !ok || !alsoOK {
		return projectList(live, desired)
	}
	kept := make(map[string]any, len(wanted))
	for key, want := range wanted {
		if have, found := liveFields[key]; found {
			kept[key] = project(have, want)
		}
	}
	return kept
}

// projectList is project for lists. Entries of both are told apart by their
// name, as the API server tells containers and ports; if one has none, if two
// share theirs, or if the lists differ in more than what is in the entries, the
// live list is kept as it is.
func projectList(live, desired any) any {
	have, ok := live.([]any)
	want, alsoOK := desired.([]any)
	if !ok || !alsoOK || len(have) != len(want) {
		return live
	}
	seen := map[string]bool{}
	kept := make([]any, len(have))
	for i := range have {
		name := entryName(have[i])
		if name == "" || name != entryName(want[i]) || seen[name] {
			return live
		}
		seen[name] = true
		kept[i] = project(have[i], want[i])
	}
	return kept
}

func entryName(entry any) string {
	fields, _ := entry.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}

func asYAML(fields map[string]any) (string, error) {
	if len(fields) == 0 {
		return "", nil
	}
	data, err := yaml.Marshal(fields)
	return string(data), err
}

// PrintChanges writes a unified diff of every change and a summary line. It
// says whether there is any difference.
func PrintChanges(p *verb.Program, changes []Change) (differ bool) {
	count := map[string]int{}
	for _, c := range changes {
		count[c.Kind()]++
		if c.Kind() == ChangeNone {
			continue
		}
		printDiff(p, c)
	}
	fmt.Fprintf(p.Out, "%d to add, %d to change, %d to remove, %d unchanged\n",
		count[ChangeAdd], count[ChangeEdit], count[ChangeRemove], count[ChangeNone])
	return count[ChangeNone] < len(changes)
}

func printDiff(p *verb.Program, c Change) {
	text := string(diff.Diff("live: "+c.title, []byte(c.before), "planned: "+c.title, []byte(c.after)))
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "diff ") {
			continue
		}
		fmt.Fprint(p.Out, paintDiff(p, line))
	}
}

func paintDiff(p *verb.Program, line string) string {
	switch {
	case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
		return p.Paint(verb.Bold, line)
	case strings.HasPrefix(line, "@@"):
		return p.Paint(verb.Cyan, line)
	case strings.HasPrefix(line, "+"):
		return p.Paint(verb.Green, line)
	case strings.HasPrefix(line, "-"):
		return p.Paint(verb.Red, line)
	default:
		return line
	}
}
