package migrate

import (
	"maps"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/query"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// merge rewrites a strategic merge as patches, which apply where all conditions
// outside of lists hold, and the global ones.
func (a about) merge(tree any) (string, error) {
	root, ok := tree.(map[string]any)
	if !ok {
		return "", left("the patch is no object")
	}
	m := &merging{about: a}
	if err := m.mapping(place{at: "object"}, root); err != nil {
		return "", err
	}
	if len(m.patches) == 0 {
		return "", left("it changes nothing")
	}
	return under(cel.And(m.conditions...), "("+strings.Join(m.patches, " +\n")+")"), nil
}

// place is where a patch applies.
type place struct {
	// at is an expression for the value; path is its JSON pointer, in a list
	// from the element on.
	at, path string
	// each is the list that is gone through, and its variables; empty outside.
	each string
}

func (p place) field(name string) place {
	p.at, p.path = cel.Optional(p.at, name), p.path+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	return p
}

// merging collects patches and the conditions of all of them.
type merging struct {
	about
	patches, conditions []string
}

// mapping rewrites the fields of a map.
func (m *merging) mapping(p place, tree map[string]any) error {
	for _, key := range cel.Keys(tree) {
		anchor, name := parsed(key)
		switch {
		case strings.HasPrefix(name, "$"):
			return at(key, left("the directive %s is not rewritten", name))
		case anchor == "" || anchor == "<":
			if err := m.condition(p, name, tree[key]); err != nil {
				return at(key, err)
			}
		case anchor != "plain" && anchor != "+":
			return at(key, left("the anchor %s(%s) is not rewritten in a patch", anchor, name))
		default:
			if err := m.field(p, name, anchor == "+", tree[key]); err != nil {
				return at(key, err)
			}
		}
	}
	return nil
}

// condition rewrites what must be there, and like a pattern, for a patch to apply.
func (m *merging) condition(p place, name string, wanted any) error {
	if pattern.HasAnchor(wanted, func(kind pattern.AnchorKind) bool { return kind == pattern.AddIfNotPresent }) {
		return left("a condition with +() in it is not rewritten")
	}
	if hasVariables(wanted) {
		return left("variables in patterns are not rewritten")
	}
	here := p.field(name)
	fits, err := shape("v", wanted)
	if err != nil {
		return err
	}
	m.conditions = append(m.conditions, here.at+".optMap(v, "+shaped("v", wanted, fits.fits)+").orValue(false)")
	return nil
}

// shaped wants a value to be of the type that a pattern has.
func shaped(at string, wanted any, fits string) string {
	switch wanted.(type) {
	case map[string]any:
		return cel.And("type("+at+") == map", fits)
	case []any:
		return cel.And("type("+at+") == list", fits)
	}
	return fits
}

// field rewrites one field: maps that are missing are made first.
func (m *merging) field(p place, name string, onlyMissing bool, value any) error {
	here := p.field(name)
	switch value := value.(type) {
	case nil:
		m.remove(here)
		return nil
	case map[string]any:
		if adds(value) && here.path != "/metadata" && here.path != "/spec" { // those are always there
			m.add(here, "!"+here.at+".hasValue()", "{}")
		}
		return m.mapping(here, value)
	case []any:
		if len(value) > 0 && !isObject(value[0]) && name != "finalizers" { // those are merged
			break
		}
		return m.list(here, value)
	}
	written, err := m.literal(value)
	if err != nil {
		return err
	}
	condition := "!" + here.at + ".hasValue()"
	if !onlyMissing {
		condition = here.at + " != optional.of(" + dynamic(written, value) + ")"
	}
	m.add(here, condition, written)
	return nil
}

// dynamic is a value that is compared with others of any type.
func dynamic(written string, value any) string {
	if _, text := value.(string); text {
		return written
	}
	return "dyn(" + written + ")"
}

func isObject(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

// adds tells whether a patch of a map adds a field to it, so that it is made.
func adds(tree map[string]any) bool {
	for key, value := range tree {
		anchor, _ := parsed(key)
		inner, isMap := value.(map[string]any)
		_, isList := value.([]any)
		switch {
		case anchor != "plain" && anchor != "+" || value == nil || isList:
		case !isMap || adds(inner):
			return true
		}
	}
	return false
}

// list rewrites a patch of those elements of a list for which its conditions hold.
func (m *merging) list(p place, list []any) error {
	if p.each != "" {
		return left("a list within a list is not rewritten")
	}
	element, ok := map[string]any(nil), len(list) == 1
	if ok {
		element, ok = list[0].(map[string]any)
	}
	if !ok || !pattern.HasAnchor(element, func(pattern.AnchorKind) bool { return true }) {
		return left("a list is rewritten where its patch is one element with an anchor: what else is merged depends on the kind")
	}
	rest := maps.Clone(element)
	if name, named := rest["name"].(string); named {
		if !pattern.HasWildcard(name) {
			return left("an element by its name is not rewritten: it would be added where it is missing")
		}
		delete(rest, "name")
		rest["(name)"] = name
	}
	made, err := m.elements(p.at+".orValue([])", p.path, "true", rest)
	if made != "" {
		m.patches = append(m.patches, made)
	}
	return err
}

// elements are the patches of elements of a list that meet a condition, and those
// of the patch. Global ones decide about everything, by one element that meets all.
func (m *merging) elements(list, path, met string, tree map[string]any) (string, error) {
	each := query.Operand(list) + ".transformList(i, c, {'at': dyn(" + cel.Quoted(path+"/") + " + string(i)), 'is': dyn(c)})"
	inner := &merging{about: m.about}
	if err := inner.mapping(place{at: "c.is", each: each}, tree); err != nil {
		return "", err
	}
	conditions := cel.And(append([]string{met}, inner.conditions...)...)
	if pattern.HasAnchor(tree, func(kind pattern.AnchorKind) bool { return kind == pattern.Global }) {
		m.conditions = append(m.conditions, each+".exists(c, "+conditions+")")
	}
	if conditions == "true" {
		return strings.Join(inner.patches, " +\n"), nil
	}
	chosen := each + ".filter(c, " + conditions + ")"
	patches := slices.Clone(inner.patches)
	for i := range patches {
		patches[i] = chosen + strings.TrimPrefix(patches[i], each)
	}
	return strings.Join(patches, " +\n"), nil
}

// add adds a patch that applies under a condition.
func (m *merging) add(p place, condition, value string) {
	m.patch(p, condition, "op: 'add', path: ", ", value: "+value)
}

// remove removes what is there.
func (m *merging) remove(p place) { m.patch(p, p.at+".hasValue()", "op: 'remove', path: ", "") }

func (m *merging) patch(p place, condition, before, after string) {
	if p.each == "" {
		m.patches = append(m.patches, "("+condition+" ? [JSONPatch{"+before+cel.Quoted(p.path)+after+"}] : [])")
		return
	}
	m.patches = append(m.patches, p.each+".filter(c, "+condition+").map(c, JSONPatch{"+before+"string(c.at) + "+cel.Quoted(p.path)+after+"})")
}
