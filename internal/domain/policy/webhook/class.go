package webhook

import (
	"context"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Class tells policies apart by what happens when nobody answers.
type Class string

// The classes.
const (
	// Open policies let pass when nobody answers. They decide from what is at
	// hand in the cluster, so that nobody waits long for them.
	Open Class = "open"
	// Remote policies let pass, too, and may ask a registry or a service first.
	Remote Class = "remote"
	// Strict policies refuse then, because they say so.
	Strict Class = "strict"
	// Images refuses Pods with the images that its policies name, then.
	Images Class = "images"
)

// Classes are all classes.
func Classes() []Class { return []Class{Open, Remote, Strict, Images} }

// Split sorts the policies that are not native into classes. A policy about
// images that blocks is asked about Pods in the class Images, and about
// everything else, such as Deployments, in the class Remote: it is Pods that run
// images, so nothing else has to wait for an answer. A policy that is about
// images in some of its rules only is asked about those apart.
func Split(evaluators []policy.Evaluator) map[Class][]policy.Evaluator {
	split := map[Class][]policy.Evaluator{}
	for _, evaluator := range divided(evaluators) {
		info := evaluator.Info()
		closed, ok := evaluator.(policy.Closed)
		switch {
		case info.Lane == policy.Native || !info.Admission:
		case len(patterns(evaluator)) > 0 && info.Tier.Blocks():
			split[Images] = append(split[Images], evaluator)
			split[Remote] = append(split[Remote], beyondPods(evaluator))
		case ok && closed.FailsClosed() && len(patterns(evaluator)) == 0:
			split[Strict] = append(split[Strict], evaluator)
		case info.Remote:
			split[Remote] = append(split[Remote], evaluator)
		default:
			split[Open] = append(split[Open], evaluator)
		}
	}
	return split
}

// divided are the policies, with rules about images apart from others.
func divided(evaluators []policy.Evaluator) []policy.Evaluator {
	var all []policy.Evaluator
	for _, evaluator := range evaluators {
		var parts []policy.Evaluator
		if divisible, ok := evaluator.(policy.Divisible); ok {
			parts = divisible.Divide()
		}
		if len(parts) == 0 {
			parts = []policy.Evaluator{evaluator}
		}
		all = append(all, parts...)
	}
	return all
}

func patterns(evaluator policy.Evaluator) []string {
	if imaged, ok := evaluator.(policy.Imaged); ok {
		return imaged.ImagePatterns()
	}
	return nil
}

// beyond is a policy about images that is not asked about Pods.
type beyond struct{ policy.Evaluator }

// beyondMutator is the same for one that changes objects.
type beyondMutator struct {
	beyond
	mutator policy.Mutator
}

func beyondPods(evaluator policy.Evaluator) policy.Evaluator {
	if mutator, ok := evaluator.(policy.Mutator); ok {
		return beyondMutator{beyond{evaluator}, mutator}
	}
	return beyond{evaluator}
}

// Scopes are the policy's; a policy that does not know them concerns everything.
func (b beyond) Scopes() []policy.Scope {
	if scoped, ok := b.Evaluator.(policy.Scoped); ok {
		return scoped.Scopes()
	}
	return []policy.Scope{everything}
}

// beyondPods marks the policy for concerns.
func (beyond) beyondPods() {}

// Validate leaves Pods to the class Images.
func (b beyond) Validate(ctx context.Context, r *policy.Request, w policy.World) []policy.Result {
	if podRequest(r) {
		return nil
	}
	return b.Evaluator.Validate(ctx, r, w)
}

// Mutate leaves Pods to the class Images.
func (b beyondMutator) Mutate(ctx context.Context, r *policy.Request, w policy.World, waived policy.Waived) (map[string]any, []policy.Result) {
	if podRequest(r) {
		return nil, nil
	}
	return b.mutator.Mutate(ctx, r, w, waived)
}

func podRequest(r *policy.Request) bool {
	return isPod(policy.Served{Group: r.Resource.Group, Resource: r.Resource.Resource, Subresource: r.SubResource})
}
