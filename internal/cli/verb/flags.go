package verb

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// Quantities reads what a flag says of quota resources.
func Quantities(flag string, given map[string]string) (corev1.ResourceList, error) {
	if len(given) == 0 {
		return nil, nil
	}
	list := corev1.ResourceList{}
	for name, text := range given {
		amount, err := resource.ParseQuantity(text)
		if err != nil {
			return nil, Usagef("--%s %s=%s: not a quantity such as 500m, 2 or 10Gi", flag, name, text)
		}
		list[corev1.ResourceName(name)] = amount
	}
	return list, nil
}

// People reads subjects as the describe verb writes them; a bare name is a group.
func People(names []string) []tenancyv1.Subject {
	var all []tenancyv1.Subject
	for _, name := range names {
		if user, ok := strings.CutPrefix(name, "user:"); ok {
			all = append(all, tenancyv1.Subject{Kind: "User", Name: user})
			continue
		}
		all = append(all, tenancyv1.Subject{Kind: "Group", Name: strings.TrimPrefix(name, "group:")})
	}
	return all
}
