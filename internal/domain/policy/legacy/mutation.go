package legacy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/mutate"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// mutation compiles what a mutate rule changes.
func (c *compiler) mutation(source *kyvernov1.Mutation, scope variable.Scope) changer {
	if len(source.Targets) > 0 && c.existing {
		scope = scope.With(variable.Target)
	} else if len(source.Targets) > 0 {
		c.Unsupported("mutate.targets", "mutate.targets is not supported: Roadbed changes the object of a request, not other objects that exist")
		return nil
	}
	return c.changer("mutate", source.PatchStrategicMerge, source.PatchesJSON6902, source.ForEach, scope, 0)
}

func (c *compiler) changer(path string, overlay *kyvernov1.JSON, patch string, foreach []kyvernov1.ForEachMutation, scope variable.Scope, nesting int) changer {
	ways := 0
	for _, used := range []bool{overlay != nil, patch != "", len(foreach) > 0} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		c.Wrong(path, "changes in %d ways; use one of patchStrategicMerge, patchesJson6902 and foreach", ways)
		return nil
	}
	switch {
	case overlay != nil:
		return c.overlay(path+".patchStrategicMerge", overlay, scope)
	case patch != "":
		return c.patch(path+".patchesJson6902", patch, scope)
	default:
		return c.foreachChange(path, foreach, scope, nesting)
	}
}

// overlayChange lays an overlay over the object.
type overlayChange struct{ template *variable.Template }

func (c *compiler) overlay(path string, source *kyvernov1.JSON, scope variable.Scope) changer {
	value := c.JSON(path, source)
	if _, ok := value.(map[string]any); !ok {
		c.Wrong(path, "is not an object")
	}
	if err := mutate.CheckOverlay(value, path); err != nil {
		field, message, _ := strings.Cut(err.Error(), ": ")
		c.Wrong(field, "%s", message)
	}
	return &overlayChange{c.Template(path, value, scope)}
}

func (o *overlayChange) change(e *evaluation, object map[string]any) (map[string]any, *verdict) {
	resolved, err := o.template.Resolve(e.vars)
	if err != nil {
		return nil, errs("variable substitution failed", err)
	}
	overlay, ok := resolved.(map[string]any)
	if !ok {
		return nil, errs("failed to patch resource", errors.New("the overlay is not an object"))
	}
	changed, err := mutate.Overlay(object, overlay, e.request.Kind)
	if unmet, isUnmet := mutate.AsUnmet(err); isUnmet {
		return nil, skips("no patches applied: %s", unmet.Reason)
	}
	return outcome(e, object, changed, err)
}

// patchChange applies a JSON patch.
type patchChange struct{ template *variable.Template }

func (c *compiler) patch(path, source string, scope variable.Scope) changer {
	if !strings.Contains(source, "{{") {
		if _, err := mutate.DecodeJSONPatch(source); err != nil {
			c.Wrong(path, "%v", err)
		}
	}
	return &patchChange{c.Template(path, source, scope)}
}

func (p *patchChange) change(e *evaluation, object map[string]any) (map[string]any, *verdict) {
	patch, err := draft.Text(p.template, e.vars)
	if err != nil {
		return nil, errs("variable substitution failed", err)
	}
	changed, err := mutate.JSONPatch(object, patch)
	return outcome(e, object, changed, err)
}

// outcome tells whether anything was changed.
func outcome(e *evaluation, before, after map[string]any, err error) (map[string]any, *verdict) {
	switch {
	case err != nil:
		return nil, errs("failed to patch resource", err)
	case mutate.Equal(before, after):
		return nil, skips("no patches applied")
	}
	return after, passes("%s", mutated(e.request))
}

func mutated(r *policy.Request) string {
	if r.Namespace == "" || r.Kind.Kind == "Namespace" {
		return fmt.Sprintf("mutated %s/%s", r.Kind.Kind, r.Name)
	}
	return fmt.Sprintf("mutated %s/%s in namespace %s", r.Kind.Kind, r.Name, r.Namespace)
}

// foreachChange changes the object for each element of lists.
type foreachChange struct{ lists []listChange }

type listChange struct {
	loop
	body       changer
	descending bool
}

func (c *compiler) foreachChange(path string, sources []kyvernov1.ForEachMutation, scope variable.Scope, nesting int) changer {
	made := &foreachChange{}
	for i, source := range sources {
		at := fmt.Sprintf("%s.foreach[%d]", path, i)
		head, inner := c.loop(at, source.List, source.Context, source.Preconditions, scope, nesting)
		if source.Order != "" && source.Order != "Ascending" && source.Order != "Descending" {
			c.Wrong(at+".order", "%q is no order; use Ascending or Descending", source.Order)
		}
		body := c.changer(at, source.PatchStrategicMerge, source.PatchesJSON6902, source.ForEach, inner, nesting+1)
		made.lists = append(made.lists, listChange{head, body, descends(source)})
	}
	return made
}

// descends tells whether elements are visited from the last. Overlays put what is
// new in front, so that the first must come last.
func descends(source kyvernov1.ForEachMutation) bool {
	if source.Order == "" {
		return source.PatchStrategicMerge != nil
	}
	return source.Order == "Descending"
}

func (f *foreachChange) change(e *evaluation, object map[string]any) (map[string]any, *verdict) {
	current, applied := object, 0
	for i := range f.lists {
		elements, err := f.lists[i].elements(e)
		if err != nil {
			return nil, errs("failed to evaluate the list", err)
		}
		after, count, failed := f.lists[i].changeAll(e, current, elements)
		if failed != nil {
			return nil, failed
		}
		current, applied = after, applied+count
		// The next list sees what this one changed.
		next := *e
		next.vars = e.vars.WithPath("request.object", current)
		e = &next
	}
	if applied == 0 {
		return nil, skips("no elements processed")
	}
	return outcome(e, object, current, nil)
}

// changeAll changes the object for each element, and returns how many were not
// skipped.
func (l *listChange) changeAll(e *evaluation, object map[string]any, elements []any) (map[string]any, int, *verdict) {
	indexes := make([]int, len(elements))
	for i := range elements {
		indexes[i] = i
	}
	if l.descending {
		slices.Reverse(indexes)
	}
	applied := 0
	for _, i := range indexes {
		if elements[i] == nil {
			continue
		}
		inner := e.in(elements[i], i, l.nesting, false).with(l.entries)
		if skipped := inner.ready(l.preconditions); skipped != nil {
			if skipped.status == policy.Error {
				return nil, 0, skipped
			}
			continue
		}
		changed, found := l.body.change(inner, object)
		if found != nil && found.status == policy.Error {
			return nil, 0, found
		}
		applied++
		if changed != nil {
			object = changed
		}
	}
	return object, applied, nil
}
