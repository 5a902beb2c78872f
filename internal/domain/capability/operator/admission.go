package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	webhook "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/conversion"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/lifecycle"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/inspect"
)

// The paths that the webhooks are served at. Both judge CREATE, UPDATE and
// DELETE, and MUST be registered to fail closed: nothing else holds the
// promises of stages before the write.
const (
	// PathCapabilities validates Capabilities.
	PathCapabilities = "/admission/capability/capabilities"
	// PathFlags validates FeatureFlags.
	PathFlags = "/admission/capability/featureflags"
)

func admit(mgr manager.Manager, r *registry) {
	server := mgr.GetWebhookServer()
	server.Register(PathCapabilities, webhook.WithValidator[*v1alpha1.Capability](mgr.GetScheme(), capabilityAdmission{r}))
	server.Register(PathFlags, webhook.WithValidator[*v1alpha1.FeatureFlag](mgr.GetScheme(), flagAdmission{r}))
}

type capabilityAdmission struct{ *registry }

var _ webhook.Validator[*v1alpha1.Capability] = capabilityAdmission{}

// ValidateCreate checks a new Capability.
func (a capabilityAdmission) ValidateCreate(ctx context.Context, c *v1alpha1.Capability) (webhook.Warnings, error) {
	all, err := a.all(ctx)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	errs := append(checked(nil, c), a.provisioned(nil, c)...)
	if other := rival(c, all); other != nil {
		errs = append(errs, field.Duplicate(field.NewPath("spec", "names"), fmt.Sprintf(
			"capability %q has %s or the API %q already", other.Name, capability.Definition(other), capability.API(other))))
	}
	return a.warnings(ctx, c), invalid("Capability", c.Name, errs)
}

// ValidateUpdate checks a changed Capability against what it promised.
func (a capabilityAdmission) ValidateUpdate(ctx context.Context, before, after *v1alpha1.Capability) (webhook.Warnings, error) {
	if before.Generation == after.Generation || !after.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	errs := append(checked(before, after), a.provisioned(before, after)...)
	if len(errs) == 0 {
		w, err := a.world(ctx, before)
		if err != nil {
			return nil, apierrors.NewInternalError(err)
		}
		errs = lifecycle.Review(before, after, w)
	}
	return a.warnings(ctx, after), invalid("Capability", after.Name, errs)
}

// ValidateDelete refuses to delete what is claimed.
func (a capabilityAdmission) ValidateDelete(ctx context.Context, c *v1alpha1.Capability) (webhook.Warnings, error) {
	claims, err := a.byVersion(ctx, c)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if err := lifecycle.Deletion(c, lifecycle.World{Claims: claims}); err != nil {
		return nil, apierrors.NewForbidden(resource("capabilities"), c.Name, err)
	}
	return nil, nil
}

// checked is what is wrong with a Capability by itself.
func checked(before, c *v1alpha1.Capability) field.ErrorList {
	errs := append(capability.Validate(c), inspect.Capability(before, c)...)
	if len(errs) > 0 {
		return errs
	}
	if err := conversion.Check(c); err != nil {
		return field.ErrorList{field.Invalid(field.NewPath("spec", "versions").Child("conversions"), "", err.Error())}
	}
	return nil
}

// provisioned refuses names of provisioners that are not there. What was published
// before is left alone, so that it can be changed in other respects.
func (a capabilityAdmission) provisioned(before, after *v1alpha1.Capability) field.ErrorList {
	var errs field.ErrorList
	for i := range after.Spec.Versions {
		v := &after.Spec.Versions[i]
		name := builtinOf(v)
		if name == "" || a.Builtins == nil || v.Stage == v1alpha1.StageRemoved || slices.Contains(a.Builtins, name) {
			continue
		}
		if before != nil && builtinOf(capability.Version(before, v.Name)) == name {
			continue
		}
		at := field.NewPath("spec", "versions").Index(i).Child("provisioner", "builtin", "name")
		errs = append(errs, field.NotSupported(at, name, a.Builtins))
	}
	return errs
}

// builtinOf names the provisioner of Roadbed's own that a version has; empty when
// it has none.
func builtinOf(v *v1alpha1.CapabilityVersion) string {
	if v == nil || v.Provisioner.Builtin == nil {
		return ""
	}
	return v.Provisioner.Builtin.Name
}

// warnings tell of what is legal and does nothing good yet.
func (a capabilityAdmission) warnings(ctx context.Context, c *v1alpha1.Capability) webhook.Warnings {
	var told webhook.Warnings
	for _, v := range capability.Living(c) {
		if v.Flag == "" {
			continue
		}
		if err := a.client.Get(ctx, types.NamespacedName{Name: v.Flag}, newFlag()); apierrors.IsNotFound(err) {
			told = append(told, fmt.Sprintf("feature flag %q does not exist, so nobody can claim version %q yet", v.Flag, v.Name))
		}
	}
	return told
}

type flagAdmission struct{ *registry }

var _ webhook.Validator[*v1alpha1.FeatureFlag] = flagAdmission{}

// ValidateCreate lets every flag through: its schema says all there is to say.
func (a flagAdmission) ValidateCreate(context.Context, *v1alpha1.FeatureFlag) (webhook.Warnings, error) {
	return nil, nil
}

// ValidateUpdate lets every change through.
func (a flagAdmission) ValidateUpdate(context.Context, *v1alpha1.FeatureFlag, *v1alpha1.FeatureFlag) (webhook.Warnings, error) {
	return nil, nil
}

// ValidateDelete refuses to delete a flag that opens a version: disabling it
// closes the version and can be undone.
func (a flagAdmission) ValidateDelete(ctx context.Context, flag *v1alpha1.FeatureFlag) (webhook.Warnings, error) {
	all, err := a.all(ctx)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if users := flagUsers(flag.Name, all); len(users) > 0 {
		return nil, apierrors.NewForbidden(resource("featureflags"), flag.Name, fmt.Errorf(
			"it opens %s: set spec.state to DISABLED to close them for everyone", strings.Join(users, ", ")))
	}
	return nil, nil
}

func resource(plural string) schema.GroupResource {
	return schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: plural}
}

func invalid(kind, name string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: kind}, name, errs)
}
