package legacy

import (
	"fmt"
	"slices"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/autogen"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/match"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// rule is a compiled rule. It does one thing: judge, change or verify.
type rule struct {
	// name of the rule; written is that of the rule it was made of.
	name, written string
	// path of the rule in the policy, "spec.rules[0]".
	path string
	// kinds that a made rule is about and no others.
	kinds         []string
	blocks        *match.Blocks
	scopes        []policy.Scope
	extractors    variable.Extractors
	entries       []entry
	preconditions *conditions
	tiers         tiers
	// unsupported says what the rule asks for that Roadbed does not do.
	unsupported string

	judge  judge
	change changer
	verify *verification
	// allowExisting lets an update pass whose object violated the rule before.
	allowExisting bool
}

// judge is the part of a rule that validates. It gives nil when the rule has
// nothing to say of the request after all.
type judge interface {
	judge(e *evaluation) *verdict
}

// changer is the part of a rule that mutates: it returns the changed object.
type changer interface {
	change(e *evaluation, object map[string]any) (map[string]any, *verdict)
}

// verdict is what a rule says of a request.
type verdict struct {
	status  policy.Status
	message string
	field   string
}

func passes(format string, args ...any) *verdict {
	return &verdict{status: policy.Pass, message: fmt.Sprintf(format, args...)}
}

func fails(format string, args ...any) *verdict {
	return &verdict{status: policy.Fail, message: fmt.Sprintf(format, args...)}
}

func skips(format string, args ...any) *verdict {
	return &verdict{status: policy.Skip, message: fmt.Sprintf(format, args...)}
}

// errs is the verdict of what could not be evaluated.
func errs(doing string, err error) *verdict {
	return &verdict{status: policy.Error, message: fmt.Sprintf("%s: %v", doing, err)}
}

func (r *rule) acts() bool {
	return r.judge != nil || r.change != nil || r.verify != nil || r.unsupported != ""
}

func (r *rule) changes() bool {
	return r.change != nil || r.verify != nil && r.verify.mutates()
}

// about tells whether a made rule is about the kind of the request.
func (r *rule) about(request *policy.Request) bool {
	return len(r.kinds) == 0 || slices.Contains(r.kinds, request.Kind.Kind)
}

func (c *compiler) compileRule(source *autogen.Rule) *rule {
	made := &rule{name: source.Name, written: c.source.Spec.Rules[source.Index].Name, path: fmt.Sprintf("spec.rules[%d]", source.Index), kinds: source.Kinds}
	c.rule = made
	if source.Name == "" {
		c.field("name", "a name is missing")
	}
	if len(made.written) > 63 {
		c.field("name", "is longer than 63 characters")
	}
	var err error
	if made.blocks, err = match.Compile(source.Match, source.Exclude, c.source.Namespace, made.path); err != nil {
		c.wrong(made.path+".match", err.Error())
	}
	made.scopes = scopesOf(source)
	if made.extractors, err = variable.ParseExtractors(source.ImageExtractors); err != nil {
		c.field("imageExtractors", "%v", err)
	}
	scope := variable.NewScope()
	made.entries, scope = c.entries("context", source.Context, scope)
	made.preconditions = c.conditions("preconditions", source.Preconditions, scope)
	made.tiers = c.tiersOf(&source.Rule)
	c.compileAction(&source.Rule, scope)
	return made
}

// compileAction compiles what the rule does.
func (c *compiler) compileAction(source *kyvernov1.Rule, scope variable.Scope) {
	actions := 0
	if source.Validate != nil {
		actions++
		c.rule.judge = c.validation(source, scope)
		c.rule.allowExisting = enabled(source.Validate.AllowExistingViolations)
	}
	if source.Mutate != nil {
		actions++
		c.rule.change = c.mutation(source.Mutate, scope)
	}
	if len(source.VerifyImages) > 0 {
		actions++
		c.rule.verify = c.verification(source.VerifyImages, scope)
	}
	if source.Generate != nil {
		actions++
	}
	if actions != 1 {
		c.wrong(c.rule.path, fmt.Sprintf("the rule does %d things; a rule has one of validate, mutate, generate and verifyImages", actions))
	}
}
