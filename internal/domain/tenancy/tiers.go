package tenancy

import (
	"embed"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

//go:embed tiers/*.yaml
var tierFiles embed.FS

// Tiers are the tiers that come with Roadbed, in the order of their rank:
// tier-1, tier-2, tier-3 and sandbox. Each call returns new objects. An
// installation may change them or add its own.
func Tiers() []*v1alpha1.Tier {
	shipped := []string{"tier-1", "tier-2", "tier-3", "sandbox"}
	tiers := make([]*v1alpha1.Tier, 0, len(shipped))
	for _, name := range shipped {
		tiers = append(tiers, mustTier("tiers/"+name+".yaml"))
	}
	return tiers
}

// mustTier reads an embedded file. It panics on a mistake in one, which is a
// mistake in the program itself and fails its tests.
func mustTier(path string) *v1alpha1.Tier {
	text, err := tierFiles.ReadFile(path)
	if err != nil {
		panic(fmt.Sprintf("tenancy: shipped tier: %v", err))
	}
	tier := new(v1alpha1.Tier)
	if err := yaml.UnmarshalStrict(text, tier); err != nil {
		panic(fmt.Sprintf("tenancy: shipped tier %s: %v", path, err))
	}
	return tier
}
