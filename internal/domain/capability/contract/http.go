package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
)

// stableWindow is how many days before its sunset an operation of a stable
// version must be deprecated.
const stableWindow = 365

// HTTP compares a version's HTTP API before and after, by oasdiff.
func HTTP(before, after *v1alpha1.Capability, version string) ([]Break, error) {
	was, err := document(before, version)
	if err != nil {
		return nil, err
	}
	is, err := document(after, version)
	if err != nil {
		return nil, err
	}
	changes, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), was, is)
	if err != nil {
		return nil, fmt.Errorf("compare the OpenAPI documents of version %q: %w", version, err)
	}
	config := checker.NewConfig(checker.GetAllChecks())
	config.MinSunsetStableDays = stableWindow
	localizer := checker.NewDefaultLocalizer()
	var breaks []Break
	for _, change := range checker.CheckBackwardCompatibility(config, changes, sources) {
		what := change.GetUncolorizedText(localizer)
		if change.GetLevel() == checker.ERR && !echoes(change.GetId(), what) {
			breaks = append(breaks, Break{Where: strings.TrimSpace(change.GetOperation() + " " + change.GetPath()), What: what})
		}
	}
	slices.SortFunc(breaks, func(a, b Break) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(breaks), nil
}

// echoes says whether a change is about a claim's spec in an answer. It says what
// its author wrote, so what may be written there decides.
func echoes(id, what string) bool {
	return strings.HasPrefix(id, "response-") && (strings.Contains(what, "`spec/") || strings.Contains(what, "items/spec/"))
}

// document is a version's OpenAPI document, read.
func document(c *v1alpha1.Capability, version string) (*load.SpecInfo, error) {
	v := capability.Version(c, version)
	if v == nil {
		return nil, fmt.Errorf("capability %q has no version %q", c.Name, version)
	}
	// Stages are judged by their own rules, not by those of documents.
	copied := v.DeepCopy()
	copied.Stage = v1alpha1.StageGA
	text, err := capability.OpenAPI(c, copied)
	if err != nil {
		return nil, err
	}
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document of version %q: %w", version, err)
	}
	return &load.SpecInfo{Url: version, Spec: spec}, nil
}

// Compare is what a change breaks for users of one version, by its schema and
// by its HTTP API.
func Compare(before, after *v1alpha1.Capability, version string) ([]Break, error) {
	was, is := capability.Version(before, version), capability.Version(after, version)
	if was == nil || is == nil {
		return nil, fmt.Errorf("version %q is not in both", version)
	}
	breaks, err := Schemas(was, is)
	if err != nil {
		return nil, fmt.Errorf("version %q: %w", version, err)
	}
	more, err := HTTP(before, after, version)
	if err != nil {
		return nil, err
	}
	return append(breaks, more...), nil
}
