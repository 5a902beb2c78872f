package inspect

import (
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/helm"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/template"
)

// Capability judges the provisioners of all versions that are not removed. What is
// as it was in before, which may be nil, is not judged: it is published, and the
// rest can be changed all the same. Each error names its field.
func Capability(before, after *v1alpha1.Capability) field.ErrorList {
	var errs field.ErrorList
	for i := range after.Spec.Versions {
		v := &after.Spec.Versions[i]
		if v.Stage == v1alpha1.StageRemoved || same(before, v) {
			continue
		}
		errs = append(errs, version(v, field.NewPath("spec", "versions").Index(i))...)
	}
	return errs
}

func same(before *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) bool {
	if before == nil {
		return false
	}
	was := capability.Version(before, v.Name)
	return was != nil && equality.Semantic.DeepEqual(was.Provisioner, v.Provisioner) && equality.Semantic.DeepEqual(was.Schema, v.Schema)
}

func version(v *v1alpha1.CapabilityVersion, at *field.Path) field.ErrorList {
	p := v.Provisioner
	errs := told(account.Check(p.Permissions), at)
	switch {
	case p.Type == v1alpha1.ProvisionerTemplate && p.Template != nil:
		_, err := template.Compile(p.Template, v.Schema.Spec.Raw)
		errs = append(errs, told(err, at)...)
	case p.Type == v1alpha1.ProvisionerHelm && p.Helm != nil:
		errs = append(errs, told(helm.Expressions(p.Helm, v.Schema.Spec.Raw), at)...)
	}
	return errs
}

// told are the faults that err holds. They begin with their field, such as
// "provisioner.template.endpoint: ...".
func told(err error, at *field.Path) field.ErrorList {
	if err == nil {
		return nil
	}
	where, what, ok := strings.Cut(err.Error(), ": ")
	if !ok || !strings.HasPrefix(where, "provisioner.") {
		return field.ErrorList{field.Invalid(at.Child("provisioner"), "", err.Error())}
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return field.ErrorList{field.Invalid(field.NewPath(at.String()+"."+where), "", what)}
	}
	var errs field.ErrorList
	for _, each := range joined.Unwrap() {
		errs = append(errs, told(each, at)...)
	}
	return errs
}
