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
)

// legacy checks a kyverno.io/v1 policy.
func (c *checker) legacy(labels, annotations map[string]string, spec kyvernov1.Spec) {
	c.tier(labels, annotations)
	for i, rule := range spec.Rules {
		c.rule(spec, i, rule)
	}
	if webhook := spec.WebhookConfiguration; webhook != nil {
		c.constants(celSource{operations: allOperations, conditions: webhook.MatchConditions, conditionsField: "spec.webhookConfiguration.matchConditions"})
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
	c.disjoint(rule, at)
	c.text(rule.Name, at, rule)
	c.conditions(rule, at)
	c.celRule(rule, at, spec.FailurePolicy)
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
			c.find(Error, UnparsableKey, name, field+".publicKeys", "%v; was it shortened? cosign public-key prints it; on Kyverno every image that matches is refused then", err)
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
