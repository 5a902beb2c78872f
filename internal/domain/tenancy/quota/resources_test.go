package quota

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// FuzzCheck feeds Check what people write into a quota: what it accepts has one
// spelling and can be added up without loss.
func FuzzCheck(f *testing.F) {
	for name, amount := range map[string]string{
		"requests.cpu": "250m", "cpu": "1", "requests.memory": "1.5Gi", "count/deployments.apps": "3", "count/": "1", "pods": "1e9",
		"requests.nvidia.com/gpu": "2", "requests.hugepages-2Mi": "4Mi", "requests.hugepages-0": "1", "fast.storageclass.storage.k8s.io/requests.storage": "1Ti",
		".storageclass.storage.k8s.io/requests.storage": "1", "requests.": "-1", "services.nodeports": "9223372036854775807E",
		"secrets": "1e99999999", "configmaps": "1e100",
	} {
		f.Add(name, amount)
	}
	f.Fuzz(func(t *testing.T, text, written string) {
		name := corev1.ResourceName(text)
		amount, err := resource.ParseQuantity(written)
		if err != nil || Check(name, amount) != "" {
			return
		}
		if Canonical(name) != name {
			t.Errorf("%q is accepted and is another spelling of %q", name, Canonical(name))
		}
		if again := exact(name, units(name, amount)); again.Cmp(amount) != 0 {
			t.Errorf("%s of %s is accepted and counted as %s", written, name, again)
		}
	})
}
