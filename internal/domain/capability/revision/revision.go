package revision

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// Of are a version's revisions, the newest first.
func Of(all []v1alpha1.CapabilityRevision, capability, version string) []*v1alpha1.CapabilityRevision {
	var found []*v1alpha1.CapabilityRevision
	for i := range all {
		if all[i].Spec.Capability == capability && all[i].Spec.Version == version {
			found = append(found, &all[i])
		}
	}
	slices.SortFunc(found, func(a, b *v1alpha1.CapabilityRevision) int { return cmp.Compare(b.Spec.Number, a.Spec.Number) })
	return found
}

// Next is the revision that a version still lacks, nil when its newest says what
// the version says. known are the version's revisions, the newest first.
func Next(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion, known []*v1alpha1.CapabilityRevision) (*v1alpha1.CapabilityRevision, error) {
	meaning, err := json.Marshal([]any{v.Schema.Spec, v.Schema.Status, v.Connection, v.Provisioner})
	if err != nil {
		return nil, fmt.Errorf("version %q of capability %q: %w", v.Name, c.Name, err)
	}
	hash, number := digest(meaning), int32(1)
	if len(known) > 0 {
		if known[0].Annotations[v1alpha1.AnnotationHash] == hash {
			return nil, nil
		}
		number = known[0].Spec.Number + 1
	}
	// What was said before and is said again is a revision of its own: the older
	// one would else be newer than those that came between.
	own := digest(fmt.Appendf(nil, "%d %s", number, meaning))
	return &v1alpha1.CapabilityRevision{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "CapabilityRevision"},
		ObjectMeta: metav1.ObjectMeta{
			Name:        fmt.Sprintf("%s-%s-%s", c.Name, v.Name, own),
			Labels:      map[string]string{v1alpha1.LabelCapability: c.Name, v1alpha1.LabelVersion: v.Name},
			Annotations: map[string]string{v1alpha1.AnnotationHash: hash},
		},
		Spec: v1alpha1.CapabilityRevisionSpec{
			Capability: c.Name, Version: v.Name, Number: number, Hash: own,
			Schema: *v.Schema.DeepCopy(), Connection: *v.Connection.DeepCopy(),
			Provisioner: *v.Provisioner.DeepCopy(), Price: c.Spec.Price.DeepCopy(),
		},
	}, nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:5])
}

// Wish is what a claim wants of revisions.
type Wish struct {
	// Revision is the one it names; empty for none.
	Revision string
	// Pinned claims stay with Current.
	Pinned bool
	// Current is the one it was rendered by; empty for a new claim.
	Current string
	// Wave is the wave that the claim belongs to, from 0.
	Wave int32
}

// Target is the revision that a claim is rendered by, nil when there is none
// yet. known are the revisions of the claim's version, the newest first. The
// error says which name the claim got wrong.
func Target(w Wish, known []*v1alpha1.CapabilityRevision) (*v1alpha1.CapabilityRevision, error) {
	named := func(name string) *v1alpha1.CapabilityRevision {
		at := slices.IndexFunc(known, func(r *v1alpha1.CapabilityRevision) bool { return r.Name == name })
		if at < 0 {
			return nil
		}
		return known[at]
	}
	if w.Revision != "" {
		if found := named(w.Revision); found != nil {
			return found, nil
		}
		return nil, fmt.Errorf("spec.platform.revision: %q is no revision of the claim's version: name one of %s, or none", w.Revision, names(known))
	}
	if current := named(w.Current); w.Pinned && current != nil {
		return current, nil
	}
	for _, each := range known {
		if each.Name == w.Current || each.Status.OpenWaves > w.Wave {
			return each, nil
		}
	}
	return nil, nil
}

// names lists the newest revisions.
func names(known []*v1alpha1.CapabilityRevision) string {
	const most = 5
	text := ""
	for i, each := range known {
		if i == most {
			return text + " and older ones"
		}
		if i > 0 {
			text += ", "
		}
		text += each.Name
	}
	return cmp.Or(text, "none at all")
}
