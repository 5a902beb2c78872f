package proof

import (
	"maps"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

const (
	// each is the step of a place into the elements of a list.
	each = "[]"
	// anyField is the step into a field that an object has, whichever that is.
	anyField = "[*]"
)

// place is a path into an object: names of fields, and each.
type place []string

// value is what a part of a query may be: at places of the object, or something
// that has names only, as "request" has.
type value struct {
	places []place
	names  map[string]value
	// wanted are what a constant says.
	wanted []any
}

// seeker collects the places that queries look at.
type seeker struct {
	names map[string]value
	found []place
	// keys are names that an object may have whose keys are asked for.
	keys []string
	// literals are values that stand in queries.
	literals []any
	// wanted are constants that names stand for.
	wanted []any
}

func newSeeker() *seeker {
	object := value{places: []place{{}}}
	return &seeker{names: map[string]value{"request": {names: map[string]value{"object": object, "oldObject": object}}}}
}

// with knows one more name.
func (s *seeker) with(name string, v value) *seeker {
	inner := &seeker{names: maps.Clone(s.names), keys: s.keys}
	inner.names[name] = v
	return inner
}

// query follows a query; one that does not compile leads nowhere.
func (s *seeker) query(text string) value {
	compiled, err := jmespath.Compile(text)
	if err != nil {
		return value{}
	}
	return s.part(compiled.Tree(), value{names: s.names})
}

// text follows the variables in a text.
func (s *seeker) text(text string) value {
	var all value
	for {
		_, rest, found := strings.Cut(text, "{{")
		if !found {
			return all
		}
		inner, after, _ := strings.Cut(rest, "}}")
		all.places = append(all.places, s.query(strings.TrimSpace(inner)).places...)
		text = after
	}
}

func (s *seeker) part(t jmespath.Tree, in value) value {
	switch t.Part {
	case jmespath.PartIdentity:
		return in
	case jmespath.PartConstant:
		s.literals = append(s.literals, t.Value)
		return value{}
	case jmespath.PartField:
		return s.field(in, t.Name)
	case jmespath.PartIndex:
		return s.elements(in)
	case jmespath.PartSub, jmespath.PartPipe:
		return s.part(t.Parts[1], s.part(t.Parts[0], in))
	case jmespath.PartProjection:
		left := s.part(t.Parts[0], in)
		if t.Parts[0].Part != jmespath.PartFlattening {
			left = s.elements(left)
		}
		return s.part(t.Parts[1], left)
	case jmespath.PartFilter:
		elements := s.elements(s.part(t.Parts[0], in))
		s.part(t.Parts[2], elements)
		return s.part(t.Parts[1], elements)
	case jmespath.PartFlattening:
		return s.elements(s.part(t.Parts[0], in))
	case jmespath.PartCall:
		return s.call(t, in)
	default:
		return s.all(t, in)
	}
}

// all are the places of all parts.
func (s *seeker) all(t jmespath.Tree, in value) value {
	var all value
	for _, part := range t.Parts {
		all.places = append(all.places, s.part(part, in).places...)
	}
	return all
}

// elements are what is in lists.
func (s *seeker) elements(of value) value {
	found := of.below(each)
	s.found = append(s.found, found.places...)
	return found
}

// call follows the arguments of a function. What becomes of them is somewhere
// near; whose keys are asked for, has some.
func (s *seeker) call(t jmespath.Tree, in value) value {
	all := s.all(t, in)
	if t.Name == "keys" {
		for _, key := range append(s.keys, anyField) {
			s.found = append(s.found, all.below(key).places...)
		}
		return value{}
	}
	return all
}

func (s *seeker) field(in value, name string) value {
	if known, ok := in.names[name]; ok {
		s.wanted = append(s.wanted, known.wanted...)
		return known
	}
	found := in.below(name)
	s.found = append(s.found, found.places...)
	return found
}

// below is what is a step further down.
func (v value) below(step string) value {
	var made value
	for _, p := range v.places {
		if step == each && len(p) > 0 && p[len(p)-1] == each {
			made.places = append(made.places, p) // of a list that is flat already
			continue
		}
		made.places = append(made.places, append(slices.Clone(p), step))
	}
	return made
}

// tree is an object with a value at the place.
func (p place) tree(at any) any {
	for _, step := range slices.Backward(p) {
		if step == each {
			at = []any{at}
		} else {
			at = map[string]any{step: at}
		}
	}
	return at
}

// longest are the places of which no other is a continuation.
func longest(places []place) []place {
	var kept []place
	for i, one := range places {
		if !slices.ContainsFunc(places[i+1:], func(other place) bool { return slices.Equal(one, other) }) &&
			!slices.ContainsFunc(places, func(other place) bool { return len(other) > len(one) && slices.Equal(one, other[:len(one)]) }) {
			kept = append(kept, one)
		}
	}
	return kept
}
