package legacy

import (
	"fmt"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// validation compiles what a validate rule judges by.
func (c *compiler) validation(rule *kyvernov1.Rule, scope variable.Scope) judge {
	source := rule.Validate
	ways := 0
	for _, used := range []bool{
		source.Pattern != nil, source.AnyPattern != nil, source.Deny != nil, len(source.ForEach) > 0,
		source.PodSecurity != nil, source.CEL != nil, source.Manifests != nil, source.Assert != nil,
	} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		c.Wrong("validate", "judges in %d ways; use one of pattern, anyPattern, deny, foreach, podSecurity and cel", ways)
		return nil
	}
	switch {
	case source.CEL != nil:
		return c.cel(rule)
	case source.PodSecurity != nil:
		return c.podSecurity(source.PodSecurity)
	case source.Manifests != nil:
		c.Unsupported("validate.manifests", "validate.manifests is not supported: Roadbed does not verify signatures of manifests")
		return nil
	case source.Assert != nil:
		c.Unsupported("validate.assert", "validate.assert is not supported: Roadbed does not evaluate assertion trees; use pattern or cel")
		return nil
	}
	said := c.message(source, inLists(source.ForEach, scope, 1))
	return c.judgement("validate", judgementSource{source.Pattern, source.AnyPattern, source.Deny, source.ForEach}, said, scope, 0)
}

// inLists is the scope of a message, which is filled in where the failure is: in
// the elements of lists, with what their context says.
func inLists(lists []kyvernov1.ForEachValidation, scope variable.Scope, level int) variable.Scope {
	for _, list := range lists {
		scope = scope.InForeach(level)
		for _, one := range list.Context {
			scope = scope.With(one.Name)
		}
		scope = inLists(list.ForEach, scope, level+1)
	}
	return scope
}

// message of a failure. References in it point into the rule's pattern, so that
// it is parsed together with it.
func (c *compiler) message(source *kyvernov1.Validation, scope variable.Scope) message {
	if !strings.Contains(source.Message, "$(") {
		return message{template: c.Template("validate.message", source.Message, scope), written: source.Message}
	}
	tree := map[string]any{"message": source.Message}
	if source.Pattern != nil {
		tree["pattern"] = c.JSON("validate.pattern", source.Pattern)
	}
	if source.AnyPattern != nil {
		tree["anyPattern"] = c.JSON("validate.anyPattern", source.AnyPattern)
	}
	return message{template: c.Template("validate", tree, scope), written: source.Message, key: "message"}
}

// message is what the author says of a failure.
type message struct {
	template *variable.Template
	written  string
	// key of the message in what the template gives; empty for all of it.
	key string
}

func (m message) text(vars *variable.Context) (string, error) {
	if m.key == "" {
		return draft.Text(m.template, vars)
	}
	tree, err := m.template.Resolve(vars)
	if err != nil {
		return "", err
	}
	object, _ := tree.(map[string]any)
	text, _ := pattern.Text(object[m.key])
	return text, nil
}

// judgementSource is what validate and foreach have in common.
type judgementSource struct {
	pattern, anyPattern *kyvernov1.JSON
	deny                *kyvernov1.Deny
	foreach             []kyvernov1.ForEachValidation
}

// judgement compiles a pattern, patterns, conditions to deny, or lists; nesting
// tells how deep inside of lists it is.
func (c *compiler) judgement(path string, source judgementSource, said message, scope variable.Scope, nesting int) judge {
	switch {
	case source.deny != nil:
		return &denial{condition.Compile(c.Rule, path+".deny.conditions", source.deny.Conditions, scope), said}
	case source.pattern != nil:
		at := path + ".pattern"
		return &shape{c.Template(at, c.JSON(at, source.pattern), scope), said}
	case source.anyPattern != nil:
		at := path + ".anyPattern"
		value := c.JSON(at, source.anyPattern)
		if _, ok := value.([]any); !ok {
			c.Wrong(at, "is not a list of patterns")
		}
		return &shapes{c.Template(at, value, scope), said}
	case len(source.foreach) > 0:
		return c.foreach(path, source.foreach, said, scope, nesting)
	}
	c.Wrong(path, "judges by nothing; use one of pattern, anyPattern, deny and foreach")
	return nil
}

// denial fails when its conditions hold.
type denial struct {
	conditions *condition.Conditions
	said       message
}

func (d *denial) judge(e *evaluation) *verdict {
	holds, extra, err := d.conditions.Decide(e.vars)
	switch {
	case err != nil:
		return errs("failed to check deny conditions", err)
	case !holds:
		return passes("validation rule '%s' passed.", e.rule.name)
	}
	text, err := d.said.text(e.vars)
	if err != nil {
		text = d.said.written
	}
	switch {
	case text == "" && extra == "":
		return fails("validation error: rule %s failed", e.rule.name)
	case text != "" && extra != "":
		text += "; "
	}
	return fails("%s%s", text, extra)
}

// subject is what patterns are compared to: the element, or the new object;
// nothing on DELETE.
func (e *evaluation) subject() map[string]any {
	if e.element != nil {
		return e.element
	}
	return e.request.Object
}

// shape fails unless the object fits its pattern.
type shape struct {
	template *variable.Template
	said     message
}

func (s *shape) judge(e *evaluation) *verdict {
	wanted, err := s.template.Resolve(e.vars)
	if err != nil {
		return errs("variable substitution failed", err)
	}
	subject := e.subject()
	if subject == nil {
		return nil
	}
	failure := pattern.Check(subject, wanted)
	switch {
	case failure == nil:
		return passes("validation rule '%s' passed.", e.rule.name)
	case failure.Skip:
		return skips("%s", failure.Reason)
	case failure.Unjudged:
		return &verdict{status: policy.Error, message: s.said.failed(e, failure)}
	}
	return &verdict{status: policy.Fail, message: s.said.failed(e, failure), field: failure.Path}
}

// failed is the message of a pattern that does not fit.
func (m message) failed(e *evaluation, failure *pattern.Failure) string {
	text, err := m.text(e.vars)
	if err != nil {
		return fmt.Sprintf("validation error: variables substitution error in rule %s execution error: %s", e.rule.name, failure.Reason)
	}
	if text != "" {
		text = sentence(text) + " "
	}
	if failure.Path != "" {
		return fmt.Sprintf("validation error: %srule %s failed at path %s", text, e.rule.name, failure.Path)
	}
	return fmt.Sprintf("validation error: %srule %s execution error: %s", text, e.rule.name, failure.Reason)
}

// sentence ends a text with a full stop.
func sentence(text string) string {
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// shapes fails unless the object fits one of its patterns.
type shapes struct {
	template *variable.Template
	said     message
}

func (s *shapes) judge(e *evaluation) *verdict {
	resolved, err := s.template.Resolve(e.vars)
	if err != nil {
		return errs("variable substitution failed", err)
	}
	subject := e.subject()
	wanted, _ := resolved.([]any)
	if subject == nil {
		return nil
	}
	var failed, skipped []string
	field := ""
	for i, one := range wanted {
		failure := pattern.Check(subject, one)
		switch {
		case failure == nil:
			return passes("validation rule '%s' anyPattern[%d] passed.", e.rule.name, i)
		case failure.Skip:
			skipped = append(skipped, fmt.Sprintf("rule %s[%d] skipped: %s", e.rule.name, i, failure.Reason))
		case failure.Path == "":
			failed = append(failed, fmt.Sprintf("rule %s[%d] failed: %s", e.rule.name, i, failure.Reason))
		default:
			field = first(field, failure.Path)
			failed = append(failed, fmt.Sprintf("rule %s[%d] failed at path %s", e.rule.name, i, failure.Path))
		}
	}
	if len(failed) == 0 && len(skipped) > 0 {
		return skips("%s", strings.Join(skipped, " "))
	}
	return &verdict{status: policy.Fail, message: s.failed(e, failed), field: field}
}

func first(known, next string) string {
	if known != "" {
		return known
	}
	return next
}

func (s *shapes) failed(e *evaluation, failures []string) string {
	text, err := s.said.text(e.vars)
	if err != nil {
		text = s.said.written
	}
	if text != "" {
		text = sentence(text) + " "
	}
	return "validation error: " + text + strings.Join(failures, " ")
}
