package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/extract"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/merge"
)

// Mutate changes the tags of selected images into digests: nginx:1 becomes
// nginx:1@sha256:... An image that cannot be resolved is an error, and does not
// keep the others from theirs.
func (p *imagePolicy) Mutate(ctx context.Context, r *policy.Request, w policy.World, waived policy.Waived) (map[string]any, []policy.Result) {
	if !p.mutateDigest || p.ignores(r) || r.Object == nil || r.Operation == admissionv1.Delete {
		return nil, nil
	}
	for _, one := range p.variants {
		found, err := p.match(one.constraints, r)
		if err != nil {
			return nil, p.unmatched(one.prefix, err)
		}
		if found == nil {
			continue
		}
		proving := p.newProof(ctx, one, subject{Matched: found, template: template(p.info)}, r, w)
		concerned, failed := proving.variant.body.concerns(ctx, proving.subject, proving.session)
		if !concerned {
			return nil, failed
		}
		return proving.pin(ctx, waived)
	}
	return nil, nil
}

// pin changes the images of a copy of the object.
func (p *proof) pin(ctx context.Context, waived policy.Waived) (map[string]any, []policy.Result) {
	object, _ := merge.Clone(p.request.Object).(map[string]any)
	var errs []error
	pinned := 0
	result := p.subject.template
	result.Rule, result.Status, result.Message = p.variant.body.prefix+mutateDigestRule, policy.Skip, "no image needs a digest"
	if override := waived.By(result.Rule); override != "" {
		result.Message = "pinning images to digests"
		return nil, []policy.Result{policy.Skipped(result, override)}
	}
	for _, at := range extract.Places(p.request.Kind, object) {
		changed, err := p.pinOne(ctx, at)
		errs = append(errs, err)
		if changed {
			pinned++
		}
	}
	if pinned == 0 {
		object = nil
	} else {
		result.Status, result.Message = policy.Pass, fmt.Sprintf("%d images were pinned to their digests", pinned)
	}
	if err := errors.Join(errs...); err != nil {
		return object, []policy.Result{p.failure(mutateDigestRule, err)}
	}
	return object, []policy.Result{result}
}

// pinOne adds the digest to a selected image that has none.
func (p *proof) pinOne(ctx context.Context, at extract.Place) (bool, error) {
	image := at.Image()
	if strings.Contains(image, "@") {
		return false, nil
	}
	concerned, err := p.policy.references.selects(ctx, image)
	if err != nil || !concerned {
		return false, err
	}
	if p.session.World.Images == nil {
		return false, fmt.Errorf("resolving image %s: %w", image, policy.ErrNoWorld)
	}
	described, err := p.session.World.Images.Describe(ctx, image)
	if err != nil {
		return false, fmt.Errorf("resolving image %s: %w", image, err)
	}
	resolved, _ := described["resolvedImage"].(string)
	_, digest, ok := strings.Cut(resolved, "@")
	if !ok {
		return false, fmt.Errorf("the registry gives no digest of image %s", image)
	}
	at.Set(image + "@" + digest)
	return true, nil
}
