// Package imageref reads references of container images as policies see them:
// "nginx" is the image nginx with the tag latest in the registry docker.io.
//
// The grammar is that of the OCI distribution. Parsing is pure and never panics.
package imageref

import (
	"fmt"
	"regexp"
	"strings"
)

// DefaultRegistry is where an image comes from that names no registry.
const DefaultRegistry = "docker.io"

// defaultTag is the tag of an image that has neither tag nor digest.
const defaultTag = "latest"

// maxLength of a reference: 255 for the name, 128 for the tag, and a digest.
const maxLength = 1024

// Image is a parsed reference.
type Image struct {
	// Registry is the host, with a port if one was given: "ghcr.io".
	Registry string
	// Path is the repository below the registry: "team/shop/api".
	Path string
	// Name is the last part of the path: "api".
	Name string
	// Tag is "latest" if neither a tag nor a digest was given, and empty if only
	// a digest was.
	Tag string
	// Digest is "sha256:..." or empty.
	Digest string
}

// Parse reads a reference. An empty registry stands for DefaultRegistry.
func Parse(reference, registry string) (Image, error) {
	if len(reference) > maxLength {
		return Image{}, fmt.Errorf("an image reference has at most %d bytes, this one has %d", maxLength, len(reference))
	}
	if registry == "" {
		registry = DefaultRegistry
	}
	rest, digest, hasDigest := strings.Cut(reference, "@")
	if hasDigest && !digestForm.MatchString(digest) {
		return Image{}, malformed(reference, "digest", digest)
	}
	host, rest := cutHost(rest, registry)
	path, tag, hasTag := strings.Cut(rest, ":")
	switch {
	case !hostForm.MatchString(host):
		return Image{}, malformed(reference, "registry", host)
	case !pathForm.MatchString(path):
		return Image{}, malformed(reference, "repository", path)
	case hasTag && !tagForm.MatchString(tag):
		return Image{}, malformed(reference, "tag", tag)
	case !hasTag && !hasDigest:
		tag = defaultTag
	}
	return Image{Registry: host, Path: path, Name: path[strings.LastIndexByte(path, '/')+1:], Tag: tag, Digest: digest}, nil
}

// cutHost splits off the first part if it can only be a host: it has a dot, a
// port or a capital letter, or is localhost. Otherwise the registry is the host.
func cutHost(name, registry string) (host, rest string) {
	first, rest, found := strings.Cut(name, "/")
	if found && (strings.ContainsAny(first, ".:") || first == "localhost" || strings.ToLower(first) != first) {
		return first, rest
	}
	return registry, name
}

var (
	hostForm   = regexp.MustCompile(`^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$`)
	pathForm   = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm    = regexp.MustCompile(`^\w[\w.-]{0,127}$`)
	digestForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$`)
)

func malformed(reference, part, text string) error {
	return fmt.Errorf("%q is not an image reference: %q is no %s; write registry/repository:tag or registry/repository@sha256:digest", reference, text, part)
}

// String is the full reference, by digest if there is one and by tag otherwise.
func (i Image) String() string {
	if i.Digest != "" {
		return i.repository() + "@" + i.Digest
	}
	return i.ReferenceWithTag()
}

// ReferenceWithTag is the full reference by tag.
func (i Image) ReferenceWithTag() string { return i.repository() + ":" + i.Tag }

func (i Image) repository() string { return i.Registry + "/" + i.Path }

// Object is the image as JSON, in the shape that legacy policies see.
func (i Image) Object() map[string]any {
	object := map[string]any{
		"registry":         i.Registry,
		"path":             i.Path,
		"name":             i.Name,
		"reference":        i.String(),
		"referenceWithTag": i.ReferenceWithTag(),
	}
	if i.Tag != "" {
		object["tag"] = i.Tag
	}
	if i.Digest != "" {
		object["digest"] = i.Digest
	}
	return object
}
