package capability

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
)

// Validate checks what a Capability says by itself, beyond what its own schema
// says: the claims' schemas as the API server will judge them, and what refers
// to what. Each error names the field and what to do.
func Validate(c *v1alpha1.Capability) field.ErrorList {
	var errs field.ErrorList
	if c.Name == account.PlatformAPI {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), c.Name, "is the name of the HTTP API's own account: take another"))
	}
	versions := field.NewPath("spec", "versions")
	for i := range c.Spec.Versions {
		errs = append(errs, validateVersion(c, &c.Spec.Versions[i], versions.Index(i))...)
	}
	errs = append(errs, validateTimes(c)...)
	for i, name := range c.Spec.DependsOn {
		if name == c.Name {
			errs = append(errs, field.Invalid(field.NewPath("spec", "dependsOn").Index(i), name, "a capability does not depend on itself: leave it out"))
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return validateDefinition(c)
}

func validateVersion(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if v.Stage == v1alpha1.StageRemoved {
		if v.Storage {
			errs = append(errs, field.Invalid(at.Child("storage"), true, "a removed version is not stored: store another version, or delete the capability"))
		}
		return errs
	}
	if _, err := ClaimSchema(v); err != nil {
		errs = append(errs, field.Invalid(at.Child("schema"), "", err.Error()))
	}
	if next := Version(c, v.Successor); next != nil && next.Stage == v1alpha1.StageRemoved {
		errs = append(errs, field.Invalid(at.Child("successor"), v.Successor, "that version is removed itself: name one that lives"))
	}
	errs = append(errs, validateConversions(c, v, at.Child("conversions"))...)
	return append(errs, validateConnection(v, at)...)
}

func validateConversions(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range v.Conversions {
		conversion := &v.Conversions[i]
		if conversion.From == v.Name || Version(c, conversion.From) == nil {
			errs = append(errs, field.Invalid(at.Index(i).Child("from"), conversion.From, "must name another version of this capability"))
		}
		for j := range conversion.Rules {
			if rule := &conversion.Rules[j]; rule.Expression == "" && rule.Default == nil {
				errs = append(errs, field.Required(at.Index(i).Child("rules").Index(j), "a rule needs expression, default, or both"))
			}
		}
	}
	return errs
}

// validateConnection holds what templates put into the connection Secret to
// what the version promises to be there.
func validateConnection(v *v1alpha1.CapabilityVersion, at *field.Path) field.ErrorList {
	var made map[string]v1alpha1.CELExpression
	switch {
	case v.Provisioner.Template != nil:
		made = v.Provisioner.Template.Connection
	case v.Provisioner.Helm != nil:
		made = v.Provisioner.Helm.Connection
	default:
		return nil
	}
	var errs field.ErrorList
	for i, key := range v.Connection.SecretKeys {
		if _, ok := made[key]; !ok {
			errs = append(errs, field.Invalid(at.Child("connection", "secretKeys").Index(i), key, "the provisioner's connection does not say what goes there: add it, or leave the key out"))
		}
	}
	return errs
}

func validateTimes(c *v1alpha1.Capability) field.ErrorList {
	var errs field.ErrorList
	if valid := c.Spec.Approval.ValidFor; valid != nil && valid.Duration <= 0 {
		errs = append(errs, field.Invalid(field.NewPath("spec", "approval", "validFor"), valid.Duration.String(), "must be more than nothing, such as 72h"))
	}
	last := metav1.Duration{}
	for i := range c.Spec.Rollout.Waves {
		after := c.Spec.Rollout.Waves[i].After
		if after == nil {
			continue
		}
		if after.Duration < last.Duration {
			errs = append(errs, field.Invalid(field.NewPath("spec", "rollout", "waves").Index(i).Child("after"), after.Duration.String(),
				fmt.Sprintf("must not be before the wave above it, which comes after %s", last.Duration)))
		}
		last = *after
	}
	return errs
}

// anywhere stands for the webhook while only the rest of a kind is checked.
var anywhere = "https://127.0.0.1/"

// validateDefinition asks what the API server will ask.
func validateDefinition(c *v1alpha1.Capability) field.ErrorList {
	at := field.NewPath("spec", "versions")
	crd, err := definition(c, &apiextensionsv1.WebhookClientConfig{URL: &anywhere})
	if err != nil {
		return field.ErrorList{field.Invalid(at, "", err.Error())}
	}
	crd.Status.StoredVersions = []string{Storage(c).Name}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	var internal apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, &internal, nil); err != nil {
		return field.ErrorList{field.Invalid(at, "", err.Error())}
	}
	var errs field.ErrorList
	for _, found := range apiextensionsvalidation.ValidateCustomResourceDefinition(context.Background(), &internal) {
		found.Field = authored(found.Field)
		errs = append(errs, found)
	}
	return errs
}

// authored turns the path of a field in the generated kind into the author's.
func authored(path string) string {
	for _, part := range []string{"spec", "status"} {
		path = strings.Replace(path, "spec.validation.openAPIV3Schema.properties["+part+"]", "spec.versions[0].schema."+part, 1)
		path = strings.Replace(path, "schema.openAPIV3Schema.properties["+part+"]", "schema."+part, 1)
	}
	return path
}

// Refused says whether errs hold anything, as one error or nil.
func Refused(errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	all := make([]error, 0, len(errs))
	for _, err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}
