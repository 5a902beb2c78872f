package variable

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/imageref"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

// Image is an image of an object, and where the object names it.
type Image struct {
	imageref.Image
	// Pointer is a JSON pointer to the field.
	Pointer string
}

// ImageSet are images by group, such as "containers", and by their key there,
// such as the container's name.
type ImageSet map[string]map[string]Image

// Object is the set as variables see it.
func (s ImageSet) Object() map[string]any {
	groups := map[string]any{}
	for group, images := range s {
		byKey := map[string]any{}
		for key, image := range images {
			byKey[key] = image.Object()
		}
		groups[group] = byKey
	}
	return groups
}

// Extractors find images in objects, by kind. Those of Pods and of the workload
// kinds that create Pods are known without any.
type Extractors map[string][]extractor

// extractor finds the images of one group.
type extractor struct {
	group string
	// steps to the objects that name images.
	steps []string
	// field names the image, key tells images apart; without a key the pointer does.
	field, key string
	// change makes a reference of what the field holds.
	change *jmespath.Query
}

// ParseExtractors reads the extractors of a rule.
func ParseExtractors(configs map[string][]kyvernov1.ImageExtractorConfig) (Extractors, error) {
	extractors := Extractors{}
	for _, kind := range slices.Sorted(maps.Keys(configs)) {
		for i, config := range configs[kind] {
			parsed, err := parseExtractor(config)
			if err != nil {
				return nil, fmt.Errorf("imageExtractors/%s/%d: %w", kind, i, err)
			}
			extractors[kind] = append(extractors[kind], parsed)
		}
	}
	return extractors, nil
}

func parseExtractor(config kyvernov1.ImageExtractorConfig) (extractor, error) {
	parsed := extractor{group: config.Name, field: config.Value, key: config.Key}
	for step := range strings.SplitSeq(config.Path, "/") {
		if step = strings.TrimSpace(step); step != "" {
			parsed.steps = append(parsed.steps, step)
		}
	}
	if len(parsed.steps) == 0 {
		return extractor{}, errors.New("path is empty; write it with slashes, such as /spec/steps/*/image")
	}
	if parsed.group == "" {
		parsed.group = "custom"
	}
	if parsed.field == "" {
		last := len(parsed.steps) - 1
		parsed.field, parsed.steps = parsed.steps[last], parsed.steps[:last]
	}
	if config.JMESPath != "" {
		var err error
		if parsed.change, err = jmespath.Compile(config.JMESPath); err != nil {
			return extractor{}, fmt.Errorf("jmesPath: %w", err)
		}
	}
	return parsed, nil
}

// podPaths lead to the Pod in the kinds that have one.
func podPath(kind string) ([]string, bool) {
	switch kind {
	case "Pod":
		return []string{"spec"}, true
	case "Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job":
		return []string{"spec", "template", "spec"}, true
	case "CronJob":
		return []string{"spec", "jobTemplate", "spec", "template", "spec"}, true
	default:
		return nil, false
	}
}

// of returns the extractors of a kind: the rule's own, or the known ones.
func (e Extractors) of(kind string) []extractor {
	if own, ok := e[kind]; ok {
		return own
	}
	path, ok := podPath(kind)
	if !ok {
		return nil
	}
	var known []extractor
	for _, group := range []string{"initContainers", "containers", "ephemeralContainers"} {
		known = append(known, extractor{group: group, steps: append(slices.Clone(path), group, "*"), field: "image", key: "name"})
	}
	return known
}

// Images finds the images of an object.
func (e Extractors) Images(kind string, object map[string]any, env jmespath.Env) (ImageSet, error) {
	images := ImageSet{}
	for _, one := range e.of(kind) {
		found := walk{extractor: one, env: env, images: map[string]Image{}}
		if object != nil {
			if err := found.step(object, one.steps, nil); err != nil {
				return nil, fmt.Errorf("finding images of %s: %w", kind, err)
			}
		}
		if len(found.images) > 0 {
			images[one.group] = merged(images[one.group], found.images)
		}
	}
	return images, nil
}

// merged joins two maps; either may be nil.
func merged(a, b map[string]Image) map[string]Image {
	if a == nil {
		return b
	}
	maps.Copy(a, b)
	return a
}

// walk collects what one extractor finds.
type walk struct {
	extractor
	env    jmespath.Env
	images map[string]Image
}

// step follows the path. What is not there has no images.
func (w *walk) step(value any, steps, path []string) error {
	if value == nil {
		return nil
	}
	if len(steps) == 0 {
		return w.take(value, path)
	}
	if steps[0] == "*" {
		return w.every(value, steps[1:], path)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("at %s: not an object", pointer(path))
	}
	return w.step(object[steps[0]], steps[1:], append(slices.Clip(path), steps[0]))
}

func (w *walk) every(value any, steps, path []string) error {
	switch branch := value.(type) {
	case []any:
		for i, element := range branch {
			if err := w.step(element, steps, append(slices.Clip(path), strconv.Itoa(i))); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(branch)) {
			if err := w.step(branch[key], steps, append(slices.Clip(path), key)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("at %s: neither a list nor an object", pointer(path))
	}
	return nil
}

// take reads the image that an object names, if it does.
func (w *walk) take(value any, path []string) error {
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("at %s: not an object", pointer(path))
	}
	reference, ok := object[w.field].(string)
	if !ok {
		return nil
	}
	at := pointer(append(slices.Clip(path), w.field))
	key := at
	if w.key != "" {
		if key, ok = object[w.key].(string); !ok {
			return fmt.Errorf("at %s: %q, which tells images apart, is not a string", pointer(path), w.key)
		}
	}
	parsed, err := w.parse(reference)
	if err != nil {
		return fmt.Errorf("at %s: %w", at, err)
	}
	w.images[key] = Image{Image: parsed, Pointer: at}
	return nil
}

func (w *walk) parse(reference string) (imageref.Image, error) {
	if w.change == nil {
		return imageref.Parse(reference, w.env.DefaultRegistry)
	}
	changed, err := w.change.SearchIn(w.env, reference)
	if err != nil {
		return imageref.Image{}, err
	}
	text, ok := changed.(string)
	if !ok {
		return imageref.Image{}, fmt.Errorf("jmesPath %q made no string of %q", w.change, reference)
	}
	return imageref.Parse(text, w.env.DefaultRegistry)
}

// pointer writes a path as RFC 6901 has it.
func pointer(path []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var all strings.Builder
	for _, step := range path {
		all.WriteString("/" + escape.Replace(step))
	}
	return all.String()
}
