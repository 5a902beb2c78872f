package autogen

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

// target is a group of kinds whose Pod template is at the same path.
type target struct {
	kinds  []string
	prefix string
	path   []string
}

func targets(kinds []string) []target {
	withTemplate := slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool { return kind == cronJob })
	var found []target
	if len(withTemplate) > 0 {
		found = append(found, target{withTemplate, "autogen-", []string{"spec", "template"}})
	}
	if slices.Contains(kinds, cronJob) {
		found = append(found, target{[]string{cronJob}, "autogen-cronjob-", []string{"spec", "jobTemplate", "spec", "template"}})
	}
	return found
}

// apply makes the rule for the target. It is not ok for a rule that judges
// nothing that a workload has.
func (t target) apply(rule *kyvernov1.Rule) (*kyvernov1.Rule, bool, error) {
	made := rule.DeepCopy()
	made.Name = t.prefix + rule.Name
	if len(made.Name) > maxName {
		made.Name = made.Name[:maxName]
	}
	t.selectKinds(&made.Match, true)
	if made.Exclude != nil {
		t.selectKinds(made.Exclude, false)
	}
	ok, err := t.wrap(made)
	if err != nil || !ok {
		return nil, false, err
	}
	return t.rewrite(made)
}

// selectKinds writes the target's kinds where the block says Pod.
func (t target) selectKinds(block *kyvernov1.MatchResources, always bool) {
	var qualifiedKinds []string
	for _, kind := range t.kinds {
		qualifiedKinds = append(qualifiedKinds, qualified(kind))
	}
	for _, filters := range [][]kyvernov1.ResourceFilter{block.Any, block.All} {
		for i := range filters {
			if slices.ContainsFunc(filters[i].Resources.Kinds, isPod) {
				filters[i].Resources.Kinds = qualifiedKinds
			}
		}
	}
	if len(block.Any)+len(block.All) == 0 && (always || len(block.Resources.Kinds) > 0) {
		block.Resources.Kinds = qualifiedKinds
	}
}

// wrap puts patterns and overlays of Pods below the path of the template.
func (t target) wrap(rule *kyvernov1.Rule) (bool, error) {
	switch {
	case rule.Mutate != nil:
		return t.wrapMutation(rule.Mutate)
	case rule.Validate != nil:
		return t.wrapValidation(rule.Validate)
	default:
		return len(rule.VerifyImages) > 0, nil
	}
}

func (t target) wrapMutation(mutation *kyvernov1.Mutation) (bool, error) {
	if mutation.PatchStrategicMerge != nil {
		return true, t.below(mutation.PatchStrategicMerge)
	}
	return len(mutation.ForEach) > 0, t.wrapForEach(mutation.ForEach)
}

func (t target) wrapForEach(foreach []kyvernov1.ForEachMutation) error {
	for i := range foreach {
		if foreach[i].PatchStrategicMerge != nil {
			if err := t.below(foreach[i].PatchStrategicMerge); err != nil {
				return err
			}
		}
		if err := t.wrapForEach(foreach[i].ForEach); err != nil {
			return err
		}
	}
	return nil
}

func (t target) wrapValidation(validation *kyvernov1.Validation) (bool, error) {
	switch {
	case validation.Pattern != nil:
		validation.Message = t.shift(validation.Message, "pattern")
		return true, t.below(validation.Pattern)
	case validation.AnyPattern != nil:
		validation.Message = t.shift(validation.Message, "anyPattern")
		return true, t.belowEach(validation.AnyPattern)
	}
	return validation.Deny != nil || validation.PodSecurity != nil || len(validation.ForEach) > 0 || validation.CEL != nil, nil
}

func (t target) below(document *kyvernov1.JSON) error {
	value, err := document.Value()
	if err != nil {
		return err
	}
	return write(document, t.nested(value))
}

func (t target) belowEach(document *kyvernov1.JSON) error {
	value, err := document.Value()
	if err != nil {
		return err
	}
	patterns, ok := value.([]any)
	if !ok {
		return errors.New("anyPattern is not a list")
	}
	for i := range patterns {
		patterns[i] = t.nested(patterns[i])
	}
	return write(document, patterns)
}

func (t target) nested(value any) any {
	for _, key := range slices.Backward(t.path) {
		value = map[string]any{key: value}
	}
	return value
}

func write(document *kyvernov1.JSON, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	document.Raw = raw
	return nil
}

var reference = regexp.MustCompile(`\$\(.[^\ ]*\)`)

// shift moves references into the pattern, such as $(./../pattern/spec/x), to
// where the pattern is now.
func (t target) shift(message, pivot string) string {
	return reference.ReplaceAllStringFunc(message, func(found string) string {
		at := pivot
		if _, rest, ok := strings.Cut(found, pivot+"/"); ok && pivot == "anyPattern" {
			index, _, _ := strings.Cut(rest, "/")
			if _, err := strconv.Atoi(index); err == nil {
				at = pivot + "/" + index
			}
		}
		return strings.Replace(found, at, at+"/"+strings.Join(t.path, "/"), 1)
	})
}

// rewrite changes where variables look: request.object.spec of a Pod is in the
// template of a workload. CEL names the object without request.
func (t target) rewrite(rule *kyvernov1.Rule) (*kyvernov1.Rule, bool, error) {
	raw, err := json.Marshal(rule)
	if err != nil {
		return nil, false, err
	}
	text := string(raw)
	root := "request."
	if rule.Validate != nil && rule.Validate.CEL != nil {
		root = ""
	}
	template := strings.Join(t.path, ".")
	for _, object := range []string{"object", "oldObject"} {
		for _, field := range []string{"spec", "metadata"} {
			text = strings.ReplaceAll(text, root+object+"."+field, root+object+"."+template+"."+field)
		}
	}
	rewritten := &kyvernov1.Rule{}
	if err := json.Unmarshal([]byte(text), rewritten); err != nil {
		return nil, false, err
	}
	return rewritten, true, nil
}
