package revision_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/revision"
)

func TestSurplus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		limit int32
		open  string // the revisions whose waves are all open
		used  string
		want  string
	}{
		{"fewer than are kept", 4, "edcba", "", ""},
		{"more than are kept", 2, "edcba", "", "b a"},
		{"those in use stay, and count", 1, "edcba", "a", "c b"},
		{"none but the newest is kept", 0, "edcba", "", "d c b a"},
		{"claims of later waves still get the last that is open everywhere", 0, "ba", "", "a"},
		{"the first rollout is under way", 0, "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := &v1alpha1.Capability{Spec: v1alpha1.CapabilitySpec{RevisionHistoryLimit: &test.limit}}
			var known []*v1alpha1.CapabilityRevision
			for name := range strings.SplitSeq("e d c b a", " ") {
				r := &v1alpha1.CapabilityRevision{ObjectMeta: metav1.ObjectMeta{Name: name}}
				if strings.Contains(test.open, name) {
					r.Status.OpenWaves = 1
				}
				known = append(known, r)
			}
			var got []string
			for _, r := range revision.Surplus(c, known, map[string]bool{test.used: true}) {
				got = append(got, r.Name)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %v, want %q", got, test.want)
			}
		})
	}
	if got := revision.HistoryLimit(&v1alpha1.Capability{}); got != 10 {
		t.Errorf("%d revisions are kept when nothing is said, want 10", got)
	}
}
