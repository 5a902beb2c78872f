package mutate

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// Limits of a JSON Patch, against one that writes gigabytes.
const (
	maxOperations = 10_000
	maxIndex      = 100_000
	maxCopied     = 4 << 20
)

// JSONPatch applies a JSON Patch (RFC 6902, as YAML or JSON text) to a copy of an
// object. As with Kyverno, add makes the objects on its path, remove does not
// mind a path that is absent, and negative indices count from the end.
func JSONPatch(object map[string]any, patch string) (map[string]any, error) {
	operations, err := DecodeJSONPatch(patch)
	if err != nil {
		return nil, err
	}
	document, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("writing the object as JSON: %w", err)
	}
	options := jsonpatch.NewApplyOptions()
	options.SupportNegativeIndices = true
	options.AllowMissingPathOnRemove = true
	options.EnsurePathExistsOnAdd = true
	options.AccumulatedCopySizeLimit = maxCopied
	changed, err := operations.ApplyWithOptions(document, options)
	if err != nil {
		return nil, fmt.Errorf("applying the JSON patch: %w", err)
	}
	var result map[string]any
	if err := utiljson.Unmarshal(changed, &result); err != nil {
		return nil, fmt.Errorf("the patched object is no JSON object: %w", err)
	}
	return result, nil
}

// DecodeJSONPatch reads a JSON Patch written as JSON or YAML.
func DecodeJSONPatch(patch string) (jsonpatch.Patch, error) {
	text, err := yaml.YAMLToJSON([]byte(patch))
	if err != nil {
		return nil, fmt.Errorf("the JSON patch is neither JSON nor YAML: %w", err)
	}
	operations, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, fmt.Errorf("the JSON patch is not a list of operations: %w", err)
	}
	if len(operations) > maxOperations {
		return nil, fmt.Errorf("the JSON patch has %d operations, more than %d", len(operations), maxOperations)
	}
	for i, operation := range operations {
		if err := checkOperation(operation); err != nil {
			return nil, fmt.Errorf("operation %d of the JSON patch: %w", i, err)
		}
	}
	return operations, nil
}

func checkOperation(operation jsonpatch.Operation) error {
	path, err := operation.Path()
	if err != nil {
		return fmt.Errorf("there is no path: %w", err)
	}
	if path != "" && !strings.HasPrefix(path, "/") {
		return fmt.Errorf("the path %q does not begin with a slash", path)
	}
	for part := range strings.SplitSeq(path, "/") {
		if index, err := strconv.Atoi(part); err == nil && index > maxIndex {
			return fmt.Errorf("the path %q has an index beyond %d", path, maxIndex)
		}
	}
	return nil
}
