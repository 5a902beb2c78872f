package lint

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

// legacy checks a kyverno.io/v1 policy.
func (c *checker) legacy(labels, annotations map[string]string, spec kyvernov1.Spec) {
	c.tier(labels, annotations)
	for i, rule := range spec.Rules {
		c.rule(spec, i, rule)
	}
	tier, err := policy.TierOf(labels, annotations, policy.Audit)
	if silent(spec) && err == nil {
		does := "warns"
		if tier.Blocks() {
			does = "refuses"
		}
		c.find(Note, SilentAudit, "", "spec.validationFailureAction", "Kyverno's Audit tells nobody who applies the object; set emitWarning: true there (Roadbed %s, because the tier is %s)", does, tier)
	}
}

// silent tells whether violations are only reported.
func silent(spec kyvernov1.Spec) bool {
	validates := slices.ContainsFunc(spec.Rules, func(r kyvernov1.Rule) bool { return r.Validate != nil })
	return validates && strings.EqualFold(string(spec.ValidationFailureAction), "audit") && (spec.EmitWarning == nil || !*spec.EmitWarning)
}

func (c *checker) rule(spec kyvernov1.Spec, i int, rule kyvernov1.Rule) {
	at := fmt.Sprintf("spec.rules[%d]", i)
	if rule.Exclude != nil && reflect.DeepEqual(*rule.Exclude, rule.Match) {
		c.find(Error, Unreachable, rule.Name, at+".exclude", "it excludes exactly what it matches, so the rule concerns nothing")
	}
	for before, other := range spec.Rules[:i] {
		if sameCheck(other, rule) {
			c.find(Warning, Shadowed, rule.Name, at, "spec.rules[%d] (%s) makes the same check of the same objects", before, other.Name)
			break
		}
	}
	if i > 0 && strings.EqualFold(spec.ApplyRules, "One") && reflect.DeepEqual(spec.Rules[0].Match, rule.Match) && spec.Rules[0].Exclude == nil && spec.Rules[0].Preconditions == nil {
		c.find(Error, Unreachable, rule.Name, at, "applyRules is One and spec.rules[0] (%s) applies to everything that this rule matches", spec.Rules[0].Name)
	}
	c.kinds(rule, at)
	c.text(rule.Name, at, rule)
	c.deny(rule, at)
	c.images(rule, at)
	c.patch(rule, at)
}

// sameCheck tells whether two rules are the same but for their names.
func sameCheck(a, b kyvernov1.Rule) bool {
	a.Name = b.Name
	return reflect.DeepEqual(a, b)
}

// template is an innermost {{ expression }}.
var template = regexp.MustCompile(`\{\{\s*((?:[^{}]|\{[^{}]*\})*?)\s*\}\}`)

// labelPath is a label or annotation that may be absent.
var labelPath = regexp.MustCompile(`(?:labels|annotations)\.(?:"[^"]+"|[\w-]+)`)

// text finds expressions that fail on absent labels, and Pods' containers that
// are left out.
func (c *checker) text(name, at string, rule kyvernov1.Rule) {
	raw, err := json.Marshal(rule)
	if err != nil {
		return // it was read from JSON
	}
	for _, found := range template.FindAllStringSubmatch(string(raw), -1) {
		expression := strings.ReplaceAll(found[1], `\"`, `"`)
		if label := labelPath.FindString(expression); label != "" && !strings.Contains(expression, "||") {
			c.find(Warning, MissingKey, name, at, "{{ %s }} is an error for objects without %s; write {{ %s || '' }}", expression, label, expression)
		}
	}
	if rule.Validate != nil && slices.Contains(kinds(rule.Match), "Pod") && strings.Contains(string(raw), `"containers"`) {
		c.containers(name, at+".validate", string(raw))
	}
}

func kinds(match kyvernov1.MatchResources) []string {
	all := slices.Clone(match.Resources.Kinds)
	for _, filter := range slices.Concat(match.Any, match.All) {
		all = append(all, filter.Resources.Kinds...)
	}
	return all
}

// condition is what is looked at of a condition.
type condition struct {
	Key      any    `json:"key"`
	Operator string `json:"operator"`
	Value    any    `json:"value"`
}

// deny finds conditions that no object meets, because they compare text that
// was meant as an expression, or constants.
func (c *checker) deny(rule kyvernov1.Rule, at string) {
	if rule.Validate == nil || rule.Validate.Deny == nil || rule.Validate.Deny.Conditions == nil {
		return
	}
	var blocks struct {
		Any []condition `json:"any"`
		All []condition `json:"all"`
	}
	if err := json.Unmarshal(rule.Validate.Deny.Conditions.Raw, &blocks); err != nil {
		return // the old form, a list
	}
	at += ".validate.deny.conditions"
	dead := 0
	for i, each := range blocks.All {
		if c.dead(rule.Name, fmt.Sprintf("%s.all[%d].key", at, i), each) {
			c.find(Error, NeverFires, rule.Name, fmt.Sprintf("%s.all[%d]", at, i), "one of the conditions that must all hold never does, so the rule passes everything")
		}
	}
	for i, each := range blocks.Any {
		if c.dead(rule.Name, fmt.Sprintf("%s.any[%d].key", at, i), each) {
			dead++
		}
	}
	if dead > 0 && dead == len(blocks.Any) {
		c.find(Error, NeverFires, rule.Name, at+".any", "none of the conditions ever holds, so the rule passes everything")
	}
}

// dead tells whether a condition never holds, and says why when its text is no
// expression.
func (c *checker) dead(name, field string, each condition) bool {
	key, ok := each.Key.(string)
	if !ok {
		return false
	}
	expression, is := strings.CutPrefix(strings.TrimSpace(key), "{{")
	expression, ends := strings.CutSuffix(expression, "}}")
	if !is || !ends {
		return !strings.Contains(key, "{{") && equality(each.Operator) && fmt.Sprint(each.Value) != key && !strings.Contains(fmt.Sprint(each.Value), "{{")
	}
	// Inner templates become text before the outer one is read.
	if _, err := jmespath.Compile(strings.TrimSpace(template.ReplaceAllString(expression, "x"))); err != nil {
		c.find(Error, Invalid, name, field, "this is no JMESPath, so on Kyverno it stays text and is compared as text: %v; to count objects, use a context entry with an apiCall", err)
		return true
	}
	return false
}

func equality(operator string) bool { return operator == "Equals" || operator == "Equal" }

// images finds keys that cannot be read, and keys that want a log unsaid.
func (c *checker) images(rule kyvernov1.Rule, at string) {
	for i, check := range rule.VerifyImages {
		for j, set := range check.Attestors {
			c.keys(rule.Name, fmt.Sprintf("%s.verifyImages[%d].attestors[%d]", at, i, j), set)
		}
	}
}

func (c *checker) keys(name, at string, set kyvernov1.AttestorSet) {
	for i, entry := range set.Entries {
		if entry.Keys != nil && entry.Keys.PublicKeys != "" {
			c.key(name, fmt.Sprintf("%s.entries[%d].keys", at, i), entry.Keys)
		}
	}
}

func (c *checker) key(name, field string, keys *kyvernov1.StaticKeyAttestor) {
	for text := range strings.SplitAfterSeq(keys.PublicKeys, "-----END PUBLIC KEY-----") {
		if !strings.Contains(text, "-----BEGIN") {
			continue
		}
		if err := (policy.Attestor{Key: text, IgnoreTlog: true}).Check(); err != nil {
			c.find(Error, UnparsableKey, name, field+".publicKeys", "%v; on Kyverno every image that matches is refused then", err)
		}
	}
	if keys.Rekor == nil {
		c.find(Warning, NeedsLog, name, field, "signatures must be in a transparency log unless the policy says otherwise; say rekor.ignoreTlog: true for keys of your own, or give the log's key")
	}
}

// additive is a field that is added where it is absent.
var additive = regexp.MustCompile(`"\+\([^"]+\)"`)

// patch finds additions to every container outside of foreach.
func (c *checker) patch(rule kyvernov1.Rule, at string) {
	if rule.Mutate == nil || rule.Mutate.PatchStrategicMerge == nil {
		return
	}
	raw := string(rule.Mutate.PatchStrategicMerge.Raw)
	if strings.Contains(raw, `"containers"`) && strings.Contains(raw, `"(name)"`) && additive.MatchString(raw) {
		c.find(Warning, PerContainer, rule.Name, at+".mutate.patchStrategicMerge",
			"with several containers Kyverno decides once for all of them what is absent, and overwrites or forgets some; Roadbed decides for each container. To get that everywhere, use foreach over request.object.spec.containers")
	}
}
