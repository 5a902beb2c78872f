package override

import (
	"fmt"
	"hash/fnv"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// shards is how many ledgers share the policies between them. The API server
// encodes and decodes a parameter for every request that a policy looks at: one
// ledger of a thousand overrides costs each request more than ten milliseconds.
const shards = 128

// ShardOf is the name of the ledger that the policy reads. It depends on the
// policy's name alone, so that the ledger exists before the policy does.
func ShardOf(policy string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(policy)) // never fails
	return shardNamed(hash.Sum32() % shards)
}

func shardNamed(i uint32) string { return fmt.Sprintf("%s-%03d", v1alpha1.LedgerName, i) }

// Ledgers are all ledgers there must be: the shards, and last the one that holds
// everything.
func Ledgers(everything v1alpha1.OverrideLedgerSpec) []v1alpha1.OverrideLedger {
	found := make([]v1alpha1.OverrideLedger, 0, shards+1)
	for i := range uint32(shards) {
		found = append(found, v1alpha1.OverrideLedger{
			ObjectMeta: metav1.ObjectMeta{Name: shardNamed(i)},
			Spec: v1alpha1.OverrideLedgerSpec{
				Policies: map[string]v1alpha1.Waivers{}, Mandatory: []string{}, Terms: map[string]tenancyv1alpha1.TierOverrides{},
			},
		})
	}
	byName := map[string]v1alpha1.OverrideLedgerSpec{}
	for _, each := range found {
		byName[each.Name] = each.Spec
	}
	for policy, waivers := range everything.Policies {
		if whole := ofRules(waivers); len(whole) > 0 {
			byName[ShardOf(policy)].Policies[policy] = whole
		}
	}
	return append(found, v1alpha1.OverrideLedger{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.LedgerName}, Spec: everything})
}

// ofRules are the waivers of rules. Those of single controls are not for the API
// server, which would waive the rule.
func ofRules(waivers v1alpha1.Waivers) v1alpha1.Waivers {
	whole := func(w v1alpha1.Waiver) bool { return len(w.PodSecurity) == 0 }
	if !slices.ContainsFunc(waivers, func(w v1alpha1.Waiver) bool { return !whole(w) }) {
		return waivers
	}
	return slices.DeleteFunc(slices.Clone(waivers), func(w v1alpha1.Waiver) bool { return !whole(w) })
}
