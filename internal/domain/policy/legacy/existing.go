package legacy

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/entry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// Existing are rules that change other objects than the request's. Roadbed runs
// none of them in a cluster: tests of policies ask what they would make of objects.
type Existing struct{ *compiled }

// Change is what one rule makes of one object.
type Change struct {
	// Target is the object, After what becomes of it; nil when it stays as it is.
	Target, After map[string]any
	Result        policy.Result
}

// CompileExisting compiles the rules with targets, of which there may be none. The
// error is a FaultsError.
func CompileExisting(source *kyvernov1.ClusterPolicy, options Options) (*Existing, error) {
	c := &compiler{options: options, source: source, whole: &draft.Rule{}, existing: true}
	made := &compiled{options: options, labels: source.Labels}
	all := c.rules()
	made.gate = c.gate()
	for _, rule := range all {
		if len(rule.targets) > 0 {
			made.rules = append(made.rules, rule)
		}
	}
	if faults := c.faults().Wrong(); len(faults) > 0 {
		return nil, faults
	}
	made.info = c.info(made.rules)
	return &Existing{made}, nil
}

// Change is what the request makes the rules do to objects.
func (x *Existing) Change(ctx context.Context, r *policy.Request, w policy.World, objects []map[string]any) []Change {
	var all []Change
	if open, broken := x.gate.lets(ctx, r, w); !open || broken != nil {
		return nil
	}
	for _, rule := range x.rules {
		if !x.concerns(rule, r) {
			continue
		}
		e := x.begin(ctx, r, w, rule)
		if e.ready(rule.preconditions) != nil {
			continue
		}
		for i := range rule.targets {
			all = append(all, x.changeAll(e, &rule.targets[i], objects)...)
		}
	}
	return all
}

func (x *Existing) changeAll(e *evaluation, t *target, objects []map[string]any) []Change {
	var all []Change
	for _, object := range objects {
		if after, found := t.change(e, object); found != nil {
			all = append(all, Change{object, after, x.result(e.rule, e.request, found)})
		}
	}
	return all
}

// target chooses objects that a rule changes.
type target struct {
	apiVersion, kind string
	namespace, name  *variable.Template
	selector         labels.Selector
	entries          []entry.Entry
	preconditions    *condition.Conditions
}

func (c *compiler) targets(sources []kyvernov1.TargetResourceSpec, scope variable.Scope) []target {
	var made []target
	for i, source := range sources {
		at := fmt.Sprintf("mutate.targets[%d]", i)
		one := target{apiVersion: source.APIVersion, kind: source.Kind, selector: c.selector(at+".selector", source.Selector)}
		one.namespace = c.Template(at+".namespace", source.Namespace, scope)
		one.name = c.Template(at+".name", source.Name, scope)
		var inner variable.Scope
		one.entries, inner = entry.Compile(c.Rule, at+".context", source.Context, scope.With(variable.Target))
		one.preconditions = condition.Compile(c.Rule, at+".preconditions", source.Preconditions, inner)
		made = append(made, one)
	}
	return made
}

// selector chooses by labels; everything without one.
func (c *compiler) selector(path string, source *kyvernov1.JSON) labels.Selector {
	if source == nil {
		return labels.Everything()
	}
	var written metav1.LabelSelector
	err := draft.Strictly(source.Raw, &written)
	selector := labels.Nothing()
	if err == nil {
		selector, err = metav1.LabelSelectorAsSelector(&written)
	}
	if err != nil {
		c.Wrong(path, "%v", err)
	}
	return selector
}

// change changes an object that is chosen; there is no verdict on others.
func (t *target) change(e *evaluation, object map[string]any) (map[string]any, *verdict) {
	about := unstructured.Unstructured{Object: object}
	namespace, err := draft.Text(t.namespace, e.vars)
	if err != nil {
		return nil, errs("failed to find targets", err)
	}
	name, err := draft.Text(t.name, e.vars)
	if err != nil {
		return nil, errs("failed to find targets", err)
	}
	if !fits(t.apiVersion, about.GetAPIVersion()) || !fits(t.kind, about.GetKind()) || !fits(namespace, about.GetNamespace()) || !fits(name, about.GetName()) || !t.selector.Matches(labels.Set(about.GetLabels())) {
		return nil, nil
	}
	inner := *e
	inner.request = e.request.With(object)
	inner.request.Kind, inner.request.Namespace, inner.request.Name = about.GroupVersionKind(), about.GetNamespace(), about.GetName()
	inner.vars = e.vars.With(variable.Target, object)
	ready := inner.with(t.entries)
	if ready.ready(t.preconditions) != nil {
		return nil, nil
	}
	return e.rule.change.change(ready, object)
}

// fits tells whether a text is as a pattern wants it; none wants nothing.
func fits(wanted, text string) bool { return wanted == "" || pattern.Match(wanted, text) }
