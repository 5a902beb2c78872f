// Package autogen makes rules about Pods into rules about the workload kinds that
// create Pods, as Kyverno does for kyverno.io/v1 policies: a rule about Pods also
// judges the Pod template of a Deployment.
//
// The annotation pod-policies.kyverno.io/autogen-controllers names the kinds, or
// none. A policy that selects Pods by name, labels, annotations or together with
// other kinds makes no such rules, since they would not mean the same.
package autogen

import (
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/match"
)

// Annotation names the kinds to make rules for, separated by commas; none for
// none.
const Annotation = "pod-policies.kyverno.io/autogen-controllers"

const cronJob = "CronJob"

// maxName is the longest name of a rule.
const maxName = 63

// Rule is a rule of a policy, as written or made.
type Rule struct {
	kyvernov1.Rule
	// Index of the rule that is written in the policy.
	Index int
	// Kinds that a made rule is about and no others; empty for written rules.
	Kinds []string
}

// Rules are the rules of a policy as they are written, followed by those made of
// them. The policy is not changed.
func Rules(policy *kyvernov1.ClusterPolicy) ([]Rule, error) {
	var rules []Rule
	for i := range policy.Spec.Rules {
		rules = append(rules, Rule{Rule: policy.Spec.Rules[i], Index: i})
	}
	kinds := Controllers(policy)
	if len(kinds) == 0 {
		return rules, nil
	}
	for i := range policy.Spec.Rules {
		made, err := madeOf(&policy.Spec.Rules[i], i, kinds)
		if err != nil {
			return nil, err
		}
		rules = append(rules, made...)
	}
	return rules, nil
}

// Controllers are the kinds that rules are made for, sorted.
func Controllers(policy *kyvernov1.ClusterPolicy) []string {
	if !possible(policy.Spec.Rules) {
		return nil
	}
	wanted, asked := policy.Annotations[Annotation]
	if !asked || wanted == "all" {
		return controllers()
	}
	var kinds []string
	for name := range strings.SplitSeq(wanted, ",") {
		if name = strings.TrimSpace(name); slices.Contains(controllers(), name) && !slices.Contains(kinds, name) {
			kinds = append(kinds, name)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// controllers are the kinds that create Pods, sorted.
func controllers() []string {
	return []string{cronJob, "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}
}

// qualified names a kind with its group and version.
func qualified(kind string) string {
	switch kind {
	case cronJob, "Job":
		return "batch/v1/" + kind
	case "ReplicationController":
		return "v1/" + kind
	default:
		return "apps/v1/" + kind
	}
}

// possible tells whether rules can be made: each rule selects in a way that
// means the same for workloads, and one of them is about Pods.
func possible(rules []kyvernov1.Rule) bool {
	needed := false
	for i := range rules {
		rule := &rules[i]
		if rule.Generate != nil || patchesByPath(rule.Mutate) {
			return false
		}
		for _, described := range descriptions(rule) {
			if !general(described) {
				return false
			}
			needed = needed || slices.ContainsFunc(described.Kinds, isPodOrWorkload)
		}
	}
	return needed
}

// patchesByPath tells whether the rule has JSON patches, whose paths are those of
// Pods.
func patchesByPath(mutation *kyvernov1.Mutation) bool {
	if mutation == nil {
		return false
	}
	return mutation.PatchesJSON6902 != "" || slices.ContainsFunc(mutation.ForEach, foreachPatchesByPath)
}

func foreachPatchesByPath(foreach kyvernov1.ForEachMutation) bool {
	return foreach.PatchesJSON6902 != "" || slices.ContainsFunc(foreach.ForEach, foreachPatchesByPath)
}

func descriptions(rule *kyvernov1.Rule) []kyvernov1.ResourceDescription {
	found := described(&rule.Match)
	if rule.Exclude != nil {
		found = append(found, described(rule.Exclude)...)
	}
	return found
}

func described(block *kyvernov1.MatchResources) []kyvernov1.ResourceDescription {
	found := []kyvernov1.ResourceDescription{block.Resources}
	for _, filter := range slices.Concat(block.Any, block.All) {
		found = append(found, filter.Resources)
	}
	return found
}

// general tells whether a description means the same for a workload as for its
// Pods.
func general(d kyvernov1.ResourceDescription) bool {
	mixed := len(d.Kinds) > 1 && slices.ContainsFunc(d.Kinds, isPod)
	return d.Name == "" && len(d.Names) == 0 && d.Selector == nil && d.Annotations == nil && !mixed
}

func isPodOrWorkload(kind string) bool { return kind == "Pod" || slices.Contains(controllers(), kind) }

func isPod(text string) bool {
	kind, err := match.ParseKind(text)
	return err == nil && kind.Kind == "Pod"
}

// madeOf makes the rules for workloads of one rule: one for those with a Pod
// template, one for CronJobs.
func madeOf(rule *kyvernov1.Rule, index int, kinds []string) ([]Rule, error) {
	if !aboutPods(rule) {
		return nil, nil
	}
	var made []Rule
	for _, t := range targets(kinds) {
		changed, ok, err := t.apply(rule)
		if err != nil {
			return nil, err
		}
		if ok {
			made = append(made, Rule{Rule: *changed, Index: index, Kinds: t.kinds})
		}
	}
	return made, nil
}

func aboutPods(rule *kyvernov1.Rule) bool {
	if strings.HasPrefix(rule.Name, "autogen-") || rule.Mutate != nil && len(rule.Mutate.Targets) > 0 {
		return false
	}
	var kinds, excluded []string
	for _, d := range described(&rule.Match) {
		kinds = append(kinds, d.Kinds...)
	}
	if rule.Exclude != nil {
		for _, d := range described(rule.Exclude) {
			excluded = append(excluded, d.Kinds...)
		}
	}
	return slices.ContainsFunc(kinds, isPod) && (len(excluded) == 0 || slices.ContainsFunc(excluded, isPod))
}
