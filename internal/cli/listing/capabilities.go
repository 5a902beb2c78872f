package listing

import (
	"strconv"
	"strings"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	capabilityv1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// Capabilities are the capabilities.
func Capabilities(now clock.PassiveClock) Kind[*capabilityv1.Capability] {
	type T = *capabilityv1.Capability
	return Kind[T]{
		singular: "capability", plural: "capabilities", example: "database",
		gvk:       capabilityv1.GroupVersion.WithKind("Capability"),
		newObject: func() T { return &capabilityv1.Capability{} },
		newList:   func() client.ObjectList { return &capabilityv1.CapabilityList{} },
		items:     func(l client.ObjectList) []T { return pointers(l.(*capabilityv1.CapabilityList).Items) },
		columns: []column[T]{
			{heading: "NAME", cell: func(c T) string { return c.Name }},
			{heading: "LAYER", cell: func(c T) string { return string(c.Spec.Layer) }},
			{heading: "OWNER", cell: func(c T) string { return c.Spec.Owner.Team }},
			{heading: "KIND", cell: func(c T) string { return c.Spec.Names.Kind }},
			{heading: "VERSIONS", cell: stages},
			{heading: "CLAIMS", cell: func(c T) string { return strconv.Itoa(int(c.Status.Claims)) }},
			{heading: "READY", cell: func(c T) string { return readiness(c.Status.Conditions) }},
			{heading: "REASON", wide: true, cell: func(c T) string { return ReadyCondition(c.Status.Conditions).Reason }},
			{heading: "APPROVAL", wide: true, cell: func(c T) string { return string(c.Spec.Approval.Mode) }},
			{heading: "ROUTE", wide: true, cell: func(c T) string { return c.Status.Route }},
			{heading: "AGE", cell: func(c T) string { return age(now, c) }},
			{heading: "MESSAGE", wide: true, cell: func(c T) string { return ReadyCondition(c.Status.Conditions).Message }},
		},
	}
}

// stages are a capability's versions with the stages these are at.
func stages(c *capabilityv1.Capability) string {
	var all []string
	for i := range c.Spec.Versions {
		all = append(all, c.Spec.Versions[i].Name+" "+string(c.Spec.Versions[i].Stage))
	}
	return strings.Join(all, ", ")
}
