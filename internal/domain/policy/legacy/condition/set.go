package condition

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// texts writes a key as what is looked for: one text, or one for each element.
func texts(key any) (found []string, ok bool) {
	list, isList := key.([]any)
	if !isList {
		text, isText := pattern.Text(key)
		return []string{text}, isText
	}
	for _, element := range list {
		found = append(found, textOf(element))
	}
	return found, true
}

// textOf writes elements that are no leaves as JSON, so that they compare to
// nothing by accident.
func textOf(value any) string {
	if text, ok := pattern.Text(value); ok {
		return text
	}
	written, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(written)
}

// members is what a value says about belonging to it.
type members struct {
	elements []string
	// interval is a range pattern such as 1-10; then there are no elements.
	interval string
}

// membersOf reads a list, a range, a JSON list in a text, or one text.
func membersOf(value any) (members, bool) {
	switch typed := value.(type) {
	case []any:
		found, ok := texts(value)
		return members{elements: found}, ok
	case int64, float64, bool:
		return members{elements: []string{textOf(typed)}}, true
	case string:
		return membersOfText(typed)
	default:
		return members{}, false
	}
}

func membersOfText(text string) (members, bool) {
	if pattern.OperatorOf(text) == pattern.InRange {
		return members{interval: text}, true
	}
	var list []string
	if json.Unmarshal([]byte(text), &list) == nil && strings.HasPrefix(strings.TrimSpace(text), "[") {
		return members{elements: list}, true
	}
	return members{elements: []string{text}}, true
}

// have tells whether a text belongs. Wildcards count on both sides.
func (m members) have(text string) bool {
	if m.interval != "" {
		return pattern.Value(text, m.interval)
	}
	return slices.ContainsFunc(m.elements, func(element string) bool {
		return pattern.Match(element, text) || pattern.Match(text, element)
	})
}

// lack is the opposite of have.
func (m members) lack(text string) bool { return !m.have(text) }

// sides reads both sides of a comparison of sets.
func sides(key, value any) (found []string, in members, ok bool) {
	found, keyOK := texts(key)
	in, valueOK := membersOf(value)
	return found, in, keyOK && valueOK
}

func anyIn(key, value any) bool {
	found, in, ok := sides(key, value)
	return ok && slices.ContainsFunc(found, in.have)
}

func allIn(key, value any) bool {
	found, in, ok := sides(key, value)
	return ok && !slices.ContainsFunc(found, in.lack)
}

func anyNotIn(key, value any) bool {
	found, in, ok := sides(key, value)
	return ok && slices.ContainsFunc(found, in.lack)
}

func allNotIn(key, value any) bool {
	found, in, ok := sides(key, value)
	return ok && !slices.ContainsFunc(found, in.have)
}

// in is the older form of AllIn.
func in(key, value any) bool { return allIn(key, value) }

// notIn is the older form of AnyNotIn.
func notIn(key, value any) bool { return anyNotIn(key, value) }
