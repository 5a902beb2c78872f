package legacy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/autogen"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// Compile compiles a policy. One with a namespace judges that namespace only and
// is a Policy. The evaluator is a policy.Mutator where a rule changes objects. The
// error is Faults, without what is unsupported: see Unsupported.
func Compile(source *kyvernov1.ClusterPolicy, options Options) (policy.Evaluator, error) {
	c := &compiler{options: options, source: source}
	made := &compiled{options: options, labels: source.Labels, one: source.Spec.ApplyRules == "One"}
	made.rules = c.rules()
	made.info = c.info(made.rules)
	if faults := slices.DeleteFunc(c.faults, func(f Fault) bool { return f.Unsupported }); len(faults) > 0 {
		return nil, Faults(faults)
	}
	if slices.ContainsFunc(made.rules, (*rule).changes) {
		return &mutator{made}, nil
	}
	return made, nil
}

// Unsupported names what a policy asks for that Roadbed does not do. Generate
// rules are not among it: package load reports them.
func Unsupported(source *kyvernov1.ClusterPolicy) Faults {
	c := &compiler{source: source}
	c.rules()
	return slices.DeleteFunc(c.faults, func(f Fault) bool { return !f.Unsupported })
}

// compiler compiles one policy and collects what is wrong with it.
type compiler struct {
	options Options
	source  *kyvernov1.ClusterPolicy
	// rule that is being compiled.
	rule   *rule
	faults Faults
}

// wrong notes a fault of a field, once.
func (c *compiler) wrong(field, message string) { c.note(Fault{Field: field, Message: message}) }

// unsupported notes what Roadbed does not do, and makes the rule skip.
func (c *compiler) unsupported(field, message string) {
	c.note(Fault{Field: field, Message: message, Unsupported: true})
	if c.rule != nil && c.rule.unsupported == "" {
		c.rule.unsupported = message
	}
}

func (c *compiler) note(fault Fault) {
	if c.rule != nil {
		fault.Rule = c.rule.written
	}
	if !slices.Contains(c.faults, fault) {
		c.faults = append(c.faults, fault)
	}
}

// field notes a fault of a field below the rule.
func (c *compiler) field(path, format string, args ...any) {
	c.wrong(c.rule.path+"."+path, fmt.Sprintf(format, args...))
}

// template parses a tree with variables that is at a path below the rule.
func (c *compiler) template(path string, tree any, scope variable.Scope) *variable.Template {
	parsed, err := variable.Parse(tree, path, scope)
	if err != nil {
		for message := range strings.SplitSeq(err.Error(), "\n") {
			c.field(path, "%s", message)
		}
		return nil
	}
	return parsed
}

// json decodes a field that holds any JSON.
func (c *compiler) json(path string, source *kyvernov1.JSON) any {
	value, err := source.Value()
	if err != nil {
		c.field(path, "is no JSON: %v", err)
	}
	return value
}

// query compiles an expression that may have variables in it.
func (c *compiler) query(path, source string, scope variable.Scope) query {
	if strings.Contains(source, "{{") {
		return query{template: c.template(path, source, scope)}
	}
	compiled, err := jmespath.Compile(source)
	if err == nil {
		return query{compiled: compiled}
	}
	var syntax *jmespath.SyntaxError
	if !errors.As(err, &syntax) {
		c.field(path, "%v", err)
		return query{}
	}
	c.field(path, "%s", syntax.Error())
	return query{}
}

// info is what is known of the policy as a whole.
func (c *compiler) info(rules []*rule) policy.Info {
	metadata := c.source.ObjectMeta
	info := policy.Info{
		Name: metadata.Name, Kind: "ClusterPolicy", Tier: policy.Recommended, Lane: policy.Legacy,
		LaneReason: "kyverno.io/v1 policies are interpreted",
		Severity:   metadata.Annotations[policy.SeverityAnnotation], Category: metadata.Annotations[policy.CategoryAnnotation],
		Title: metadata.Annotations[policy.TitleAnnotation], Description: metadata.Annotations[policy.DescriptionAnnotation],
		Background: enabled(c.source.Spec.Background), Admission: enabled(c.source.Spec.Admission),
	}
	if metadata.Namespace != "" {
		info.Name, info.Kind = metadata.Namespace+"/"+metadata.Name, "Policy"
	}
	for _, rule := range rules {
		info.Rules = append(info.Rules, rule.name)
		info.Tier = stricter(info.Tier, rule.tiers.strictest())
	}
	return info
}

// enabled tells whether a setting that is on by default is on.
func enabled(setting *bool) bool { return setting == nil || *setting }

// rules compiles the rules as they are written and those made of them.
func (c *compiler) rules() []*rule {
	all, err := autogen.Rules(c.source)
	if err != nil {
		c.wrong("spec.rules", fmt.Sprintf("rules for workloads cannot be made: %v", err))
	}
	if len(c.source.Spec.Rules) == 0 {
		c.wrong("spec.rules", "there is no rule")
	}
	var rules []*rule
	names := map[string]int{}
	for i := range all {
		made := c.compileRule(&all[i])
		if first, twice := names[made.name]; twice {
			c.field("name", "%q is the name of rule %d already; results could not be told apart", made.name, first)
		}
		names[made.name] = all[i].Index
		if made.acts() {
			rules = append(rules, made)
		}
	}
	c.rule = nil
	c.checkBackground()
	return rules
}
