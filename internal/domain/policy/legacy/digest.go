package legacy

import (
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/mutate"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// change pins the images that are verified to their digests. An image that is
// not is left to the judgement that follows.
func (v *verification) change(e *evaluation) (map[string]any, *verdict) {
	object := e.request.Object
	pinned := 0
	for i := range v.checks {
		if !v.checks[i].mutateDigest {
			continue
		}
		images, err := v.checks[i].images(e)
		if err != nil {
			return nil, nil
		}
		for _, image := range images {
			if changed := v.checks[i].pin(e, object, image); changed != nil {
				object = changed
				pinned++
			}
		}
	}
	if pinned == 0 {
		return nil, nil
	}
	return object, passes("mutated image digest")
}

// pin returns the object with the image's digest behind its reference, or nil.
func (i *imageCheck) pin(e *evaluation, object map[string]any, image variable.Image) map[string]any {
	if image.Digest != "" || unchanged(e, image) {
		return nil
	}
	unpinned := *i
	unpinned.verifyDigest = false
	digest, err := unpinned.verify(e, image)
	if err != nil {
		return nil
	}
	if digest == "" {
		digest = describedDigest(i.reading(e), image)
	}
	if digest == "" {
		return nil
	}
	changed, err := mutate.JSONPatch(object, fmt.Sprintf(`[{"op":"replace","path":%q,"value":%q}]`, image.Pointer, image.ReferenceWithTag()+"@"+digest))
	if err != nil {
		return nil
	}
	return changed
}

// describedDigest asks the registry for the digest of a tag.
func describedDigest(e *evaluation, image variable.Image) string {
	if e.world.Images == nil {
		return ""
	}
	described, err := e.world.Images.Describe(e.context, image.String())
	if err != nil {
		return ""
	}
	for _, name := range []string{"digest", "resolvedImage"} {
		text, _ := described[name].(string)
		if at := digestOf(text); at != "" {
			return at
		}
	}
	return ""
}

// digestOf is the digest at the end of a text, or "".
func digestOf(text string) string {
	if _, digest, ok := strings.Cut(text, "@"); ok {
		text = digest
	}
	if !strings.HasPrefix(text, "sha256:") {
		return ""
	}
	return text
}
