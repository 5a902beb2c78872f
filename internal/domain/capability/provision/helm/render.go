package helm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/expression"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/readiness"
)

const (
	// mostObjects bounds the objects of one claim, as its status does.
	mostObjects = 120
	// mostRendered bounds the renderings that are kept; those in use come back.
	mostRendered = 512
	// longestName is how long Helm lets a release's name be.
	longestName = 53
)

// rendering is what a chart gave for some values.
type rendering struct {
	objects []*unstructured.Unstructured
	err     error
}

// invalid is an error about what a chart renders.
func invalid(format string, args ...any) error {
	return expression.FaultError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// Render says which objects the chart gives for the claim. All of them can be
// made at once, in Helm's order.
func (c *Chart) Render(ctx context.Context, in provision.Input, live provision.Live) (provision.Output, error) {
	vars, budget := c.scope.Of(in), expression.NewBudget()
	objects, err := c.objects(ctx, in, vars, budget)
	if err != nil {
		return provision.Output{}, err
	}
	out := provision.Output{Objects: objects, Ready: true}
	found := make(map[string]any, len(objects))
	for _, object := range objects {
		ref := provision.RefOf(object)
		waiting := fmt.Sprintf("%s is not there yet", ref)
		if now := live(ref); now != nil {
			waiting = readiness.Awaited(now)
			found[ref.Kind+"/"+ref.Name] = now.Object
		}
		if waiting != "" && out.Ready {
			out.Ready, out.Waiting = false, waiting
		}
	}
	if out.Ready {
		err = c.outputs.Tell(ctx, vars.And(expression.Resources, found), budget, &out)
	}
	return out, err
}

// Plan is all objects that the chart gives for the claim.
func (c *Chart) Plan(ctx context.Context, in provision.Input) (provision.Preview, error) {
	vars, budget := c.scope.Of(in), expression.NewBudget()
	objects, err := c.objects(ctx, in, vars, budget)
	if err != nil {
		return provision.Preview{}, err
	}
	preview := provision.Preview{Objects: objects}
	err = c.outputs.Foretell(ctx, vars, budget, &preview)
	return preview, err
}

// objects are what the chart gives for the claim. What it gave for the same
// values before, it gives again.
func (c *Chart) objects(ctx context.Context, in provision.Input, vars expression.Vars, budget *expression.Budget) ([]*unstructured.Unstructured, error) {
	values := map[string]any{}
	if c.values != nil {
		made, err := c.values.Value(ctx, vars, budget)
		if err != nil {
			return nil, err
		}
		values = made.(map[string]any)
	}
	release, namespace := in.Claim.GetName(), in.Tenant.Namespace
	if len(release) > longestName {
		return nil, invalid("the claim's name has more than %d characters, which Helm allows a release: claim under a shorter name", longestName)
	}
	text, err := json.Marshal([]any{release, namespace, values})
	if err != nil {
		return nil, invalid("values cannot be written as JSON: %v", err)
	}
	read, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	key := hex.EncodeToString(sum[:])
	c.mu.Lock()
	known, is := c.rendered[key]
	c.mu.Unlock()
	if !is {
		known.objects, known.err = twice(read, release, namespace, text)
		c.keep(key, known)
	}
	return known.objects, known.err
}

func (c *Chart) keep(key string, made rendering) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rendered) >= mostRendered {
		clear(c.rendered)
	}
	c.rendered[key] = made
}

// twice renders the chart two times, to see that it gives the same.
func twice(read Rendering, release, namespace string, text []byte) ([]*unstructured.Unstructured, error) {
	var first []string
	for i := range 2 {
		var given []any // a copy each time: templates may change their values
		if err := json.Unmarshal(text, &given); err != nil {
			return nil, invalid("values: %v", err)
		}
		objects, hooks, err := read(release, namespace, given[2].(map[string]any))
		switch {
		case err != nil:
			return nil, invalid("the chart cannot be rendered: %v", err)
		case i == 0:
			first = objects
		case !slices.Equal(first, objects):
			return nil, invalid("the chart renders differently each time, so it uses a function such as randAlphaNum, genCA or now: give it these values instead")
		}
		if err := onlyTests(hooks); err != nil {
			return nil, err
		}
	}
	return decode(first, namespace)
}

// hookAnnotation is how a chart marks what is not a part of the release.
const hookAnnotation = "helm.sh/hook"

// onlyTests refuses hooks that are no tests.
func onlyTests(hooks []string) error {
	for _, text := range hooks {
		hook, err := object(text)
		if err != nil {
			return err
		}
		for when := range strings.SplitSeq(hook.GetAnnotations()[hookAnnotation], ",") {
			if when = strings.TrimSpace(when); !strings.HasPrefix(when, "test") {
				return invalid("%s is a %s hook, and hooks are not run: make it a part of the release, or switch it off by a value", provision.RefOf(hook), when)
			}
		}
	}
	return nil
}

// decode reads the objects and checks that they may be a claim's.
func decode(texts []string, namespace string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	names := map[provision.Ref]bool{}
	for _, text := range texts {
		made, err := object(text)
		if err != nil {
			return nil, err
		}
		named := provision.RefOf(made)
		switch wrong := validation.IsDNS1123Subdomain(made.GetName()); {
		case made.IsList():
			return nil, invalid("it renders a %s: render its items one by one", made.GetKind())
		case len(wrong) > 0:
			return nil, invalid("%q is no name for a %s: it must be at most 253 small letters, digits, dashes and dots", made.GetName(), made.GetKind())
		case made.GetNamespace() != "" && made.GetNamespace() != namespace:
			return nil, invalid("%s is in namespace %q: a claim's objects are in the claim's own", named, made.GetNamespace())
		case names[named]:
			return nil, invalid("%s is rendered twice", named)
		case len(objects) == mostObjects:
			return nil, invalid("the claim would consist of more than %d objects: make it smaller", mostObjects)
		}
		names[named] = true
		made.SetNamespace(namespace)
		unstructured.RemoveNestedField(made.Object, "status")
		objects = append(objects, made)
	}
	if len(objects) == 0 {
		return nil, invalid("the chart renders no object with these values")
	}
	return objects, nil
}

// object reads a document.
func object(text string) (*unstructured.Unstructured, error) {
	content, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, invalid("it renders what is no YAML: %v", err)
	}
	made := &unstructured.Unstructured{}
	if err := made.UnmarshalJSON(content); err != nil {
		return nil, invalid("it renders what is no object: %v", err)
	}
	return made, nil
}
