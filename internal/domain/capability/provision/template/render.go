package template

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/expression"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/readiness"
)

// mostObjects bounds the objects of one claim, as its status does.
const mostObjects = 120

// instance is an object that a claim consists of.
type instance struct {
	of   *resource
	vars expression.Vars
	ref  provision.Ref
}

// pass is one rendering.
type pass struct {
	budget *expression.Budget
	vars   expression.Vars
	// made are the objects of each resource, in the template's order.
	made  map[string][]instance
	names map[provision.Ref]string
	count int
	live  provision.Live
	// ready are the resources that are, and resources what expressions see of them.
	ready     map[string]bool
	resources map[string]any
	out       provision.Output
}

// begin finds which objects there are.
func (t *Template) begin(ctx context.Context, in provision.Input) (*pass, error) {
	p := &pass{
		budget: expression.NewBudget(), vars: t.scope.Of(in),
		made: map[string][]instance{}, names: map[provision.Ref]string{},
		ready: map[string]bool{}, resources: map[string]any{},
	}
	for _, each := range t.resources {
		included, err := all(ctx, each.includeWhen, p.vars, p.budget)
		if err != nil {
			return nil, err
		}
		if !included {
			continue
		}
		if err := p.instances(ctx, each, in); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func all(ctx context.Context, conditions []*expression.Expression, vars expression.Vars, budget *expression.Budget) (bool, error) {
	for _, condition := range conditions {
		if holds, err := condition.True(ctx, vars, budget); err != nil || !holds {
			return false, err
		}
	}
	return true, nil
}

// instances finds the objects of one resource.
func (p *pass) instances(ctx context.Context, r *resource, in provision.Input) error {
	if r.forEach == nil {
		return p.add(ctx, r, p.vars, in)
	}
	items, err := r.forEach.Items(ctx, p.vars, p.budget)
	if err != nil {
		return err
	}
	p.made[r.id] = []instance{}
	for i, item := range items {
		vars := p.vars.And(expression.Each, item).And(expression.Index, int64(i))
		if err := p.add(ctx, r, vars, in); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) add(ctx context.Context, r *resource, vars expression.Vars, in provision.Input) error {
	name, at := any(in.Claim.GetName()), r.field+".manifest.metadata.name"
	if r.name != nil {
		var err error
		if name, err = r.name.Value(ctx, vars, p.budget); err != nil {
			return err
		}
	}
	text, ok := name.(string)
	if wrong := validation.IsDNS1123Subdomain(text); !ok || len(wrong) > 0 {
		return expression.FaultError{Field: at, Message: fmt.Sprintf("%v is no name for an object: it must be at most 253 small letters, digits, dashes and dots", name)}
	}
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(r.apiVersion)
	object.SetKind(r.kind)
	object.SetName(text)
	named := provision.RefOf(object)
	if other, taken := p.names[named]; taken {
		return expression.FaultError{Field: at, Message: fmt.Sprintf("%s is made twice, by the resources %q and %q: give them different names", named, other, r.id)}
	}
	if p.count++; p.count > mostObjects {
		return expression.FaultError{Field: field, Message: fmt.Sprintf("the claim would consist of more than %d objects: make it smaller", mostObjects)}
	}
	p.names[named] = r.id
	p.made[r.id] = append(p.made[r.id], instance{of: r, vars: vars, ref: named})
	return nil
}

// Render says which objects can be made now.
func (t *Template) Render(ctx context.Context, in provision.Input, live provision.Live) (provision.Output, error) {
	p, err := t.begin(ctx, in)
	if err != nil {
		return provision.Output{}, err
	}
	p.live, p.out.Ready = live, true
	for _, r := range t.resources {
		instances, included := p.made[r.id]
		if !included {
			p.ready[r.id] = true // What is not wanted is not waited for.
			continue
		}
		if need := p.missing(r); need != "" {
			p.wait(fmt.Sprintf("%s waits for %s to be ready", r.id, need))
			for _, each := range instances {
				p.out.Later = append(p.out.Later, each.ref)
			}
			continue
		}
		if err := p.render(ctx, r, instances, in); err != nil {
			return provision.Output{}, err
		}
	}
	if p.out.Ready {
		err = t.outputs.Tell(ctx, p.vars.And(expression.Resources, p.resources), p.budget, &p.out)
	}
	return p.out, err
}

// missing is a resource that must be ready first and is not, or nothing.
func (p *pass) missing(r *resource) string {
	for _, need := range r.needs {
		if !p.ready[need] {
			return need
		}
	}
	return ""
}

// wait says what is awaited; the first thing is what people are told.
func (p *pass) wait(what string) {
	if p.out.Ready {
		p.out.Ready, p.out.Waiting = false, what
	}
}

// render renders one resource's objects and looks whether they are ready.
func (p *pass) render(ctx context.Context, r *resource, instances []instance, in provision.Input) error {
	found := make([]any, 0, len(instances))
	p.ready[r.id] = true
	for _, each := range instances {
		object, err := each.object(ctx, p, in, r.manifest.Value)
		if err != nil {
			return err
		}
		p.out.Objects = append(p.out.Objects, object)
		now := p.live(each.ref)
		waiting, err := each.ready(ctx, p, now)
		if err != nil {
			return err
		}
		if waiting != "" {
			p.ready[r.id] = false
			p.wait(waiting)
			continue
		}
		found = append(found, now.Object)
	}
	switch {
	case !p.ready[r.id]:
	case r.forEach != nil:
		p.resources[r.id] = found
	default:
		p.resources[r.id] = found[0]
	}
	return nil
}

// object is an object as it is wanted.
func (i instance) object(ctx context.Context, p *pass, in provision.Input, value func(context.Context, expression.Vars, *expression.Budget) (any, error)) (*unstructured.Unstructured, error) {
	content, err := value(ctx, i.vars.And(expression.Resources, p.resources), p.budget)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{Object: content.(map[string]any)}
	object.SetName(i.ref.Name)
	object.SetNamespace(in.Tenant.Namespace)
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v1alpha1.LabelResource] = i.of.id
	object.SetLabels(labels)
	return object, nil
}

// ready says what is awaited of an object, or nothing.
func (i instance) ready(ctx context.Context, p *pass, now *unstructured.Unstructured) (string, error) {
	if now == nil {
		return fmt.Sprintf("%s is not there yet", i.ref), nil
	}
	if len(i.of.readyWhen) == 0 {
		return readiness.Awaited(now), nil
	}
	vars := i.vars.And(expression.Resources, p.resources).And(expression.Self, now.Object)
	for _, condition := range i.of.readyWhen {
		holds, err := condition.True(ctx, vars, p.budget)
		if absent := errors.Is(err, provision.ErrInvalid); err != nil && !absent {
			return "", err
		}
		if !holds { // nor does a condition over a field that is not there yet
			return fmt.Sprintf("%s is not ready: %s", i.ref, condition.Source()), nil
		}
	}
	return "", nil
}

// Plan is all objects that will be made. Where they read other objects, they
// hold the expression.
func (t *Template) Plan(ctx context.Context, in provision.Input) (provision.Preview, error) {
	p, err := t.begin(ctx, in)
	if err != nil {
		return provision.Preview{}, err
	}
	var preview provision.Preview
	for _, r := range t.resources {
		for _, each := range p.made[r.id] {
			object, err := each.object(ctx, p, in, r.manifest.Preview)
			if err != nil {
				return provision.Preview{}, err
			}
			preview.Objects = append(preview.Objects, object)
		}
	}
	if err := t.outputs.Foretell(ctx, p.vars, p.budget, &preview); err != nil {
		return provision.Preview{}, err
	}
	return preview, nil
}
