package revision

import "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"

// historyLimit is how many revisions are kept when the capability says nothing.
const historyLimit = 10

// HistoryLimit is how many revisions of a version are kept beside its newest.
func HistoryLimit(c *v1alpha1.Capability) int {
	if c.Spec.RevisionHistoryLimit == nil {
		return historyLimit
	}
	return int(*c.Spec.RevisionHistoryLimit)
}

// Surplus are the revisions of a version that may go: older than those that are
// kept, and than the newest one whose waves are all open, which claims of other
// waves still get; used says which ones claims name or are rendered by. known
// are the version's revisions, the newest first.
func Surplus(c *v1alpha1.Capability, known []*v1alpha1.CapabilityRevision, used map[string]bool) []*v1alpha1.CapabilityRevision {
	var surplus []*v1alpha1.CapabilityRevision
	open := false
	for i, r := range known {
		if i > HistoryLimit(c) && open && !used[r.Name] {
			surplus = append(surplus, r)
		}
		open = open || r.Status.OpenWaves >= Waves(c.Spec.Rollout)
	}
	return surplus
}
