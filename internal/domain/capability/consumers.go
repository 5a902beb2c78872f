package capability

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// mostConsumers bounds those who are named of a version: the latest.
const mostConsumers = 500

// lastUseGrain is how exactly last uses are told, so that a busy API is told of
// once an hour.
const lastUseGrain = time.Hour

// ConsumersName is the ConfigMap in the platform's namespace that names who uses
// a Capability.
func ConsumersName(c *v1alpha1.Capability) string { return RouteName(c) + "-consumers" }

// ConsumersOf is the ConfigMap that names who uses a Capability, by version, to
// whoever may read it there: tenants need not know of each other.
func ConsumersOf(c *v1alpha1.Capability, s Settings, users map[string][]Consumer) (*corev1.ConfigMap, error) {
	s = s.WithDefaults()
	made := &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta(c, s.Namespace, ConsumersName(c)),
		Data: map[string]string{},
	}
	for version, all := range users {
		told := slices.Clone(all)
		for i := range told {
			told[i].Last = told[i].Last.UTC().Truncate(lastUseGrain)
		}
		slices.SortFunc(told, func(a, b Consumer) int {
			return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Operation, b.Operation))
		})
		text, err := json.Marshal(told[:min(len(told), mostConsumers)])
		if err != nil {
			return nil, fmt.Errorf("write who uses version %q: %w", version, err)
		}
		made.Data[version] = string(text)
	}
	return made, nil
}

// ReadConsumers are the users that a ConfigMap of ConsumersOf names, by version.
func ReadConsumers(from *corev1.ConfigMap) (map[string][]Consumer, error) {
	users := map[string][]Consumer{}
	for version, text := range from.Data {
		var all []Consumer
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return nil, fmt.Errorf("read ConfigMap %q: %s: %w", from.Name, version, err)
		}
		users[version] = all
	}
	return users, nil
}
