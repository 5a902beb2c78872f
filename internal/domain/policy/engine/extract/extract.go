// Package extract finds the images that an object names, and selects images by
// their references. It is pure.
package extract

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/imageref"
)

// podPaths are where kinds keep the spec of their Pods.
var podPaths = map[schema.GroupKind][]string{
	{Kind: "Pod"}:                        {"spec"},
	{Kind: "ReplicationController"}:      {"spec", "template", "spec"},
	{Group: "apps", Kind: "DaemonSet"}:   {"spec", "template", "spec"},
	{Group: "apps", Kind: "Deployment"}:  {"spec", "template", "spec"},
	{Group: "apps", Kind: "ReplicaSet"}:  {"spec", "template", "spec"},
	{Group: "apps", Kind: "StatefulSet"}: {"spec", "template", "spec"},
	{Group: "batch", Kind: "Job"}:        {"spec", "template", "spec"},
	{Group: "batch", Kind: "CronJob"}:    {"spec", "jobTemplate", "spec", "template", "spec"},
}

// Place is where an object names an image: a field of a map.
type Place struct {
	// List is the list that it is part of.
	List string

	holder map[string]any
	field  string
}

// Image is the reference that stands there.
func (p Place) Image() string {
	image, _ := p.holder[p.field].(string)
	return image
}

// Set replaces it.
func (p Place) Set(image string) { p.holder[p.field] = image }

// imageLists are the lists of a Pod's spec that name images.
var imageLists = []string{"containers", "initContainers", "ephemeralContainers", "imageVolumes"}

// Places are where an object of a known kind names images.
func Places(kind schema.GroupVersionKind, object map[string]any) []Place {
	path, known := podPaths[kind.GroupKind()]
	if !known {
		return nil
	}
	spec := object
	for _, field := range path {
		spec, _ = spec[field].(map[string]any)
	}
	var found []Place
	for _, list := range imageLists {
		found = append(found, placesIn(spec, list)...)
	}
	return found
}

func placesIn(spec map[string]any, list string) []Place {
	field := list
	if list == "imageVolumes" {
		field = "volumes"
	}
	items, _ := spec[field].([]any)
	var found []Place
	for _, item := range items {
		holder, _ := item.(map[string]any)
		at := Place{List: list, holder: holder, field: "image"}
		if list == "imageVolumes" {
			volume, _ := holder["image"].(map[string]any)
			at = Place{List: list, holder: volume, field: "reference"}
		}
		if at.Image() != "" {
			found = append(found, at)
		}
	}
	return found
}

// Images are the images of a request's object by list; every list is there
// for a known kind.
func Images(r *policy.Request) map[string][]string {
	images := map[string][]string{}
	if _, known := podPaths[r.Kind.GroupKind()]; !known {
		return images
	}
	for _, list := range imageLists {
		images[list] = []string{}
	}
	object := r.Object
	if object == nil {
		object = r.OldObject
	}
	for _, at := range Places(r.Kind, object) {
		images[at.List] = append(images[at.List], at.Image())
	}
	return images
}

// Spellings are the ways to write a reference: as it is written, and in full.
// A pattern that means one of them means the image.
func Spellings(reference string) []string {
	parsed, err := imageref.Parse(reference, "")
	if err != nil {
		return []string{reference}
	}
	written := []string{reference, parsed.String()}
	if parsed.Registry == imageref.DefaultRegistry && !strings.Contains(parsed.Path, "/") {
		official := parsed
		official.Path = "library/" + parsed.Path
		written = append(written, official.String())
	}
	return written
}

// GlobMatches matches text against a pattern with * for any text and ? for any
// one byte.
func GlobMatches(pattern, text string) bool {
	star, from := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
