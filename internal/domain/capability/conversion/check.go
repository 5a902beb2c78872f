package conversion

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/schema"
)

// sampled is how many claims of each version are tried.
const sampled = 12

// Check converts samples of each living version to every other and back, and
// says what is wrong: a rule that does not compile or fails, or a claim that
// does not come back as it was.
func Check(c *v1alpha1.Capability) error {
	converter, err := New(c)
	if err != nil {
		return err
	}
	living := capability.Living(c)
	for _, from := range living {
		for _, to := range living {
			if from.Name == to.Name {
				continue
			}
			if err := roundTrip(c, converter, from, to.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func roundTrip(c *v1alpha1.Capability, converter *Converter, from *v1alpha1.CapabilityVersion, to string) error {
	props, err := schema.Decode(&from.Schema.Spec)
	if err != nil {
		return fmt.Errorf("version %q: %w", from.Name, err)
	}
	for _, spec := range schema.Samples(props, sampled) {
		claim := map[string]any{
			"apiVersion": capability.Group(c) + "/" + from.Name, "kind": c.Spec.Names.Kind,
			"metadata": map[string]any{"name": "sample"}, "spec": spec,
		}
		there, err := converter.Convert(claim, to)
		if err != nil {
			return fmt.Errorf("a claim with spec %v: %w", spec, err)
		}
		back, err := converter.Convert(there, from.Name)
		if err != nil {
			return fmt.Errorf("a claim with spec %v, converted to %q: %w", spec, to, err)
		}
		if !equality.Semantic.DeepEqual(back["spec"], claim["spec"]) {
			return fmt.Errorf("a claim of %q that is converted to %q and back is not what it was: spec %v became %v", from.Name, to, spec, back["spec"])
		}
	}
	return nil
}
