package units

import (
	"testing"

	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
)

func TestUnitsFollowTheirParents(t *testing.T) {
	t.Parallel()
	var documents []manifest.Document
	for _, u := range []string{"cards", "retail", "egg", "hen", "bank", "markets"} {
		for _, unit := range verbtest.Units() {
			if unit.Name == u {
				documents = append(documents, manifest.Document{Object: unit})
			}
		}
	}
	var got []string
	for _, d := range parentsFirst(documents) {
		got = append(got, d.Object.GetName())
	}
	want := []string{"bank", "retail", "cards", "hen", "egg", "markets"}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("order %v, want %v", got, want)
		}
	}
}
