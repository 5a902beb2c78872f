package policy

import (
	"encoding/json"
	"regexp"
)

// outside is how specs of all kinds name registries and services: functions of
// CEL, and fields of legacy rules.
var outside = regexp.MustCompile(`\bhttp\.|\bimage\.[Gg]etMetadata|getImageData|verifyImage|verifyAttestation|"imageRegistry":|"service":`)

// AsksOutside tells whether the spec of a policy may ask a registry or a service.
// It looks for words: that it finds one in a message, too, costs patience only.
func AsksOutside(spec any) bool {
	text, err := json.Marshal(spec)
	return err != nil || outside.Match(text)
}
