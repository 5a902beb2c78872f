package proof

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// Sentence says what came of the comparison. Checks tells that the rule may refuse
// objects: then it is said when none was.
func (p Proof) Sentence(checks bool) string {
	requests := fmt.Sprintf("%d requests, %d of them updates and %d deletions, of which it concerned %d", p.Objects, p.Updates, p.Deletions, p.Concerned)
	switch {
	case p.Equal() && p.Failed == 0 && checks:
		return "equal on " + requests + "; it refused NONE, so read what it refuses for yourself"
	case p.Equal():
		return fmt.Sprintf("equal on %s and refused %d", requests, p.Failed)
	case p.Concerned == 0 && len(p.Differences) == 0:
		return fmt.Sprintf("NOT PROVED: of %d requests it concerned none", p.Objects)
	}
	return fmt.Sprintf("DIFFERENT on some of %d requests, the first of which follow", p.Objects)
}

// Text is the request and both verdicts, in several lines.
func (d Difference) Text() string {
	text := fmt.Sprintf("  %s of a %s was %s, is %s:\n%s", d.Operation, d.Kind, d.Before, d.After, written(d.Object))
	if d.OldObject != nil {
		text += "  before the update it was:\n" + written(d.OldObject)
	}
	return text
}

// written is an object as YAML.
func written(object map[string]any) string {
	text, err := yaml.Marshal(object)
	if err != nil {
		return err.Error() + "\n"
	}
	return string(text)
}
