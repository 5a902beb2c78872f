package legacy

import (
	"fmt"
	"slices"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/autogen"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
)

// Compile compiles a policy. One with a namespace judges that namespace only and
// is a Policy. The evaluator is a policy.Mutator where a rule changes objects. The
// error is a FaultsError, without what is unsupported: see Unsupported.
func Compile(source *kyvernov1.ClusterPolicy, options Options) (policy.Evaluator, error) {
	c := &compiler{options: options, source: source, whole: &draft.Rule{}}
	made := &compiled{
		options: options, labels: source.Labels, one: source.Spec.ApplyRules == "One",
		closed: closed(&source.Spec), roled: roled(&source.Spec),
	}
	made.rules = c.rules()
	made.gate = c.gate()
	made.info = c.info(made.rules)
	if faults := c.faults().Wrong(); len(faults) > 0 {
		return nil, faults
	}
	return made.evaluator(), nil
}

// evaluator is a policy.Mutator only where a rule changes objects.
func (c *compiled) evaluator() policy.Evaluator {
	if slices.ContainsFunc(c.rules, (*rule).changes) {
		return &mutator{c}
	}
	return c
}

// Unsupported names what a policy asks for that Roadbed does not do. Generate
// rules are not among it: package load reports them.
func Unsupported(source *kyvernov1.ClusterPolicy) FaultsError {
	c := &compiler{source: source, whole: &draft.Rule{}}
	c.rules()
	return c.faults().Unsupported()
}

// compiler compiles one policy.
type compiler struct {
	options Options
	source  *kyvernov1.ClusterPolicy
	// whole collects what is wrong with the policy, the embedded Rule what is
	// wrong with the rule that is being compiled.
	whole *draft.Rule
	*draft.Rule
	// existing tells that rules with targets are compiled, not named.
	existing bool
	// done are the rules that were compiled before.
	done []*draft.Rule
}

// begin turns to another rule.
func (c *compiler) begin(name string, index int) {
	c.Rule = &draft.Rule{Name: name, Path: fmt.Sprintf("spec.rules[%d]", index), Namespace: c.source.Namespace}
	c.done = append(c.done, c.Rule)
}

// faults are all that was noted, each once: a rule and those made of it have
// much in common. What is wrong with a field is said in the words of whoever
// wrote it, and of made rules only what is wrong with nothing but them.
func (c *compiler) faults() FaultsError {
	all := slices.Clone(c.whole.Faults())
	for i, rule := range c.done {
		made := i >= len(c.source.Spec.Rules)
		for _, fault := range rule.Faults() {
			if !slices.ContainsFunc(all, func(f Fault) bool {
				return f == fault || made && f.Field == fault.Field && f.Unsupported == fault.Unsupported
			}) {
				all = append(all, fault)
			}
		}
	}
	return all
}

// info is what is known of the policy as a whole.
func (c *compiler) info(rules []*rule) policy.Info {
	metadata := c.source.ObjectMeta
	info := policy.Info{
		Name: metadata.Name, Kind: "ClusterPolicy", Tier: policy.Recommended, Lane: policy.Legacy,
		LaneReason: "kyverno.io/v1 policies are interpreted", Remote: policy.AsksOutside(c.source.Spec),
		Severity: metadata.Annotations[policy.SeverityAnnotation], Category: metadata.Annotations[policy.CategoryAnnotation],
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
		c.whole.Wrong("spec.rules", "rules for workloads cannot be made: %v", err)
	}
	if len(c.source.Spec.Rules) == 0 {
		c.whole.Wrong("spec.rules", "there is no rule")
	}
	var rules []*rule
	names := map[string]int{}
	for i := range all {
		made := c.compileRule(&all[i])
		if first, twice := names[made.name]; twice {
			c.Wrong("name", "%q is the name of rule %d already; results could not be told apart", made.name, first)
		}
		names[made.name] = all[i].Index
		if made.acts() {
			rules = append(rules, made)
		}
	}
	c.checkBackground()
	return rules
}
