package native

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policyv1alpha1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// The labels and annotations of native objects.
const (
	// PolicyLabel marks what was made of a policy. Its value is Source of the
	// policy's kind, or SourcePlatform.
	PolicyLabel = "policy.roadbed.dev/source"
	// PolicyAnnotation names the policy: its name, or "namespace/name".
	PolicyAnnotation = "policy.roadbed.dev/policy"
	// WaivableAnnotation is "true" on what was made of a policy that overrides may
	// waive.
	WaivableAnnotation = "policy.roadbed.dev/waivable"
)

// SourcePlatform is PolicyLabel's value on the platform's own Mandatory
// policies, which no policy object stands behind.
const SourcePlatform = "platform"

// Source is PolicyLabel's value for a kind of policies.
func Source(kind string) string { return strings.ToLower(kind) }

// Reason says in one phrase why a policy is not native; empty when it is.
type Reason string

// The reasons that do not depend on what the policy's expressions say.
const (
	// OffAtAdmission is for a policy that asks for scans only.
	OffAtAdmission Reason = "it is switched off at admission and judges existing objects only"
	// AboutJSON is for a policy about documents that are no Kubernetes objects.
	AboutJSON Reason = "it judges JSON documents, which no request holds"
	// AboutExisting is for a policy that changes objects which are there.
	AboutExisting Reason = "it changes objects that exist already, which admission never sees"
	// MatchesNothing is for a policy that matches nothing.
	MatchesNothing Reason = "it names no resources to match"
)

// Objects are native policies and their bindings, each policy before its binding.
type Objects []client.Object

// Options change what policies become.
type Options struct {
	// Platform marks the objects as the platform's own.
	Platform bool
	// Waivers are the overrides in force of the policy. They count unless it is
	// Mandatory.
	Waivers policyv1alpha1.Waivers
}

// origin is what all kinds of policies have in common.
type origin struct {
	kind       string
	object     client.Object
	tier       policy.Tier
	namespaced bool
	opts       Options
}

func newOrigin(kind string, object client.Object, action policy.Action, opts Options) (origin, error) {
	tier, err := policy.TierOf(object.GetLabels(), object.GetAnnotations(), action)
	if err != nil {
		return origin{}, fmt.Errorf("%s %q: %w", kind, Key(object), err)
	}
	return origin{kind: kind, object: object, tier: tier, namespaced: object.GetNamespace() != "", opts: opts}, nil
}

// Key is how results and overrides name a policy: its name, or "namespace/name".
func Key(object client.Object) string {
	if object.GetNamespace() == "" {
		return object.GetName()
	}
	return object.GetNamespace() + "/" + object.GetName()
}

// The longest name of an object.
const maxName = 253

// Name is the native objects' name for the policy, before any suffix for
// workload kinds. Names do not collide: that of a namespaced policy begins
// differently, and one that is too long ends in a hash of the whole.
func Name(object client.Object) string {
	name := "roadbed-policy-" + object.GetName()
	if object.GetNamespace() != "" {
		name = "roadbed-policyns-" + object.GetNamespace() + "." + object.GetName()
	}
	const room = maxName - len("-autogen-cronjob") - len(staticSuffix)
	if len(name) <= room {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	end := "-" + hex.EncodeToString(sum[:6])
	return name[:room-len(end)] + end
}

// meta is the metadata of a native object.
func (o origin) meta(suffix string) metav1.ObjectMeta {
	source := Source(o.kind)
	if o.opts.Platform {
		source = SourcePlatform
	}
	annotations := map[string]string{PolicyAnnotation: Key(o.object)}
	if o.tier.Waivable() {
		annotations[WaivableAnnotation] = "true"
	}
	return metav1.ObjectMeta{
		Name: Name(o.object) + suffix,
		Labels: map[string]string{
			tenancyv1alpha1.LabelManagedBy: tenancyv1alpha1.ManagedBy,
			PolicyLabel:                    source,
		},
		Annotations: annotations,
	}
}

// waived are the variables by which the native policies know what waives them;
// none while nothing does.
func (o origin) waived() []admissionv1.Variable {
	if !o.tier.Waivable() {
		return nil
	}
	return override.Variables(o.opts.Waivers)
}

// actions are what a failed validation does.
func (o origin) actions() []admissionv1.ValidationAction {
	if o.tier.Blocks() {
		return []admissionv1.ValidationAction{admissionv1.Deny}
	}
	return []admissionv1.ValidationAction{admissionv1.Warn, admissionv1.Audit}
}
