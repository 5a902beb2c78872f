package legacy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/autogen"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/entry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/match"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// rule is a compiled rule. It does one thing: judge, change or verify.
type rule struct {
	name string
	// path of the rule in the policy, "spec.rules[0]".
	path string
	// kinds that a made rule is about and no others.
	kinds         []string
	blocks        *match.Blocks
	scopes        []policy.Scope
	extractors    variable.Extractors
	entries       []entry.Entry
	preconditions *condition.Conditions
	tiers         tiers
	// unsupported says what the rule asks for that Roadbed does not do. A rule that
	// guards is an error then, one that changes is skipped.
	unsupported string
	guards      bool

	judge  judge
	change changer
	verify *verification
	// targets are the objects that a rule of Existing changes.
	targets []target
	// allowExisting lets an update pass whose object violated the rule before. Rules
	// in CEL never do, as with Kyverno.
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
	// override names what waived the rule, with commas between several.
	override string
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
	written := c.source.Spec.Rules[source.Index].Name
	c.begin(written, source.Index)
	made := &rule{name: source.Name, path: c.Path, kinds: source.Kinds, scopes: scopesOf(source), tiers: c.tiersOf(&source.Rule)}
	if source.Name == "" || len(written) > maxName {
		c.Wrong("name", "is missing or longer than %d characters", maxName)
	}
	var err error
	if made.blocks, err = match.Compile(source.Match, source.Exclude, c.source.Namespace, ""); err != nil {
		field, message, _ := strings.Cut(err.Error(), ": ")
		c.Wrong(strings.TrimPrefix(field, "."), "%s", message)
	}
	if made.extractors, err = variable.ParseExtractors(source.ImageExtractors); err != nil {
		c.Wrong("imageExtractors", "%v", err)
	}
	var scope variable.Scope
	made.entries, scope = entry.Compile(c.Rule, "context", source.Context, variable.NewScope())
	made.preconditions = condition.Compile(c.Rule, "preconditions", source.Preconditions, scope)
	c.compileAction(made, &source.Rule, scope)
	if missing := c.Faults().Unsupported(); len(missing) > 0 {
		made.unsupported = missing[0].Message
	}
	return made
}

// maxName is the longest name of a rule.
const maxName = 63

// isEmpty tells whether a field is written and says nothing, which is as good as
// not written.
func isEmpty(field any) bool { return reflect.ValueOf(field).IsZero() }

// compileAction compiles what the rule does.
func (c *compiler) compileAction(made *rule, source *kyvernov1.Rule, scope variable.Scope) {
	actions := 0
	if source.Validate != nil && !isEmpty(*source.Validate) {
		actions++
		made.guards = true
		made.judge = c.validation(source, scope)
		made.allowExisting = source.Validate.CEL == nil && enabled(source.Validate.AllowExistingViolations)
	}
	if source.Mutate != nil && !isEmpty(*source.Mutate) {
		actions++
		made.change = c.mutation(source.Mutate, scope)
		if c.existing {
			made.targets = c.targets(source.Mutate.Targets, scope)
		}
	}
	if len(source.VerifyImages) > 0 {
		actions++
		made.guards = true
		made.verify = c.verification(source.VerifyImages, scope)
	}
	if source.Generate != nil {
		actions++
	}
	if actions != 1 {
		c.Wrong("", "the rule does %d things; a rule has one of validate, mutate, generate and verifyImages", actions)
	}
}
