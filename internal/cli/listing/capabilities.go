package listing

import (
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	capabilityv1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
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
			{heading: "AVAILABLE", cell: availability},
			{heading: "REASON", wide: true, cell: func(c T) string { return ReadyCondition(c.Status.Conditions).Reason }},
			{heading: "APPROVAL", wide: true, cell: func(c T) string { return string(c.Spec.Approval.Mode) }},
			{heading: "ROUTE", wide: true, cell: func(c T) string { return c.Status.Route }},
			{heading: "AGE", cell: func(c T) string { return age(now, c) }},
			{heading: "MESSAGE", wide: true, cell: func(c T) string { return ReadyCondition(c.Status.Conditions).Message }},
		},
	}
}

// availability says whether what is claimed can be provisioned.
func availability(c *capabilityv1.Capability) string {
	if found := condition.Get(c.Status.Conditions, capability.ConditionAvailable); found != nil {
		return string(found.Status)
	}
	return string(metav1.ConditionUnknown)
}

// stages are a capability's versions with the stages these are at.
func stages(c *capabilityv1.Capability) string {
	var all []string
	for i := range c.Spec.Versions {
		all = append(all, c.Spec.Versions[i].Name+" "+string(c.Spec.Versions[i].Stage))
	}
	return strings.Join(all, ", ")
}
