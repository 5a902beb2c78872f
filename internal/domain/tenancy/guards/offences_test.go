package guards_test

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deed is something somebody does on a scene; nil means that it went through.
// Deeds are dry runs wherever nothing has to follow from them: admission, quota
// and RBAC judge those like any other request.
type deed func(ctx context.Context, c client.Client, s *scene) error

// offence is a deed that must be refused, and what refuses it.
type offence struct {
	name string
	// guard is a guard's name, or one of the constants below.
	guard string
	do    deed
	// control is the nearest lawful deed, which shows that the refusal is not
	// for want of something else.
	control deed
}

// What refuses besides guards.
const (
	byRBAC           = "RBAC"
	byEscalationRule = "RBAC's rule that nobody grants what he has not"
	// byExactSubjects is RBAC again, by bindings that cannot be mistaken.
	byExactSubjects = "exact subjects"
	byPodSecurity   = "PodSecurity"
	byQuota         = "quota"
)

// fingerprints are what a refusal's text says of who refused.
var fingerprints = map[string]string{
	byRBAC:           " cannot ",
	byEscalationRule: "attempting to grant RBAC permissions not currently held",
	byExactSubjects:  " cannot ",
	byPodSecurity:    "violates PodSecurity",
	byQuota:          "exceeded quota",
}

// fingerprint is what the refusal of a guard's offence must contain.
func fingerprint(guard string) string {
	if text, known := fingerprints[guard]; known {
		return text
	}
	return "ValidatingAdmissionPolicy 'roadbed-" + guard
}

// creates is the deed of creating what build returns.
func creates(build func(s *scene) client.Object) deed {
	return func(ctx context.Context, c client.Client, s *scene) error {
		return c.Create(ctx, build(s), client.DryRunAll)
	}
}

// runs is the deed of starting a pod in one's own namespace.
func runs(changes ...func(*corev1.Pod)) deed {
	return creates(func(s *scene) client.Object { return pod(s.mine, changes...) })
}

// patches is the deed of merging a patch into an object that exists.
func patches(build func(s *scene) client.Object, patch string) deed {
	return func(ctx context.Context, c client.Client, s *scene) error {
		return c.Patch(ctx, build(s), mergePatch(patch), client.DryRunAll)
	}
}

func mergePatch(patch string) client.Patch {
	return client.RawPatch("application/merge-patch+json", []byte(patch))
}
