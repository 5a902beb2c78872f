package podsecurity

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// exclusion is a compiled exclude entry.
type exclusion struct {
	control control
	images  []string
	field   []string
	values  []string
}

// containerLists are the lists of a Pod that hold containers.
func containerLists() []string {
	return []string{"containers", "initContainers", "ephemeralContainers"}
}

// CheckExclusion says what is wrong with what is to be excluded; the error begins
// with the field.
func CheckExclusion(source kyvernov1.PodSecurityStandard) error {
	_, err := compileExclusion(source)
	return err
}

func compileExclusion(source kyvernov1.PodSecurityStandard) (exclusion, error) {
	found, ok := controlNamed(source.ControlName)
	switch {
	case !ok:
		return exclusion{}, fmt.Errorf("controlName: %q is no control; use one of %s", source.ControlName, strings.Join(Names(), ", "))
	case found.level == ofContainers && len(source.Images) == 0:
		return exclusion{}, fmt.Errorf("images: control %q is about containers; say of which images, or \"*\"", source.ControlName)
	case found.level == ofPod && len(source.Images) > 0:
		return exclusion{}, fmt.Errorf("images: control %q is about the Pod, not about containers; leave images out", source.ControlName)
	case source.RestrictedField == "" && len(source.Values) > 0:
		return exclusion{}, errors.New("values: say which field they are of in restrictedField")
	case source.RestrictedField != "" && len(source.Values) == 0:
		return exclusion{}, fmt.Errorf("restrictedField: say in values which values of %s are allowed", source.RestrictedField)
	}
	compiled := exclusion{control: found, images: source.Images, values: source.Values}
	if source.RestrictedField != "" {
		compiled.field = strings.Split(source.RestrictedField, ".")
	}
	return compiled, nil
}

// isWhole tells whether a control of the Pod is excluded whatever it looks at.
func (e exclusion) isWhole() bool { return e.control.level == ofPod && e.field == nil }

// apply makes what is excluded compliant in a Pod, which is changed.
func (e exclusion) apply(pod map[string]any) {
	switch {
	case e.field != nil:
		e.applyAt(pod, e.field)
	case len(e.images) == 0:
		for _, field := range podFields(e.control.name) {
			all := exclusion{control: e.control, values: []string{"*"}}
			all.applyAt(pod, strings.Split(field, "."))
		}
	default:
		e.dropContainers(pod)
	}
}

// dropContainers takes the containers of the images out, so that no check sees
// them.
func (e exclusion) dropContainers(pod map[string]any) {
	spec, ok := pod["spec"].(map[string]any)
	if !ok {
		return
	}
	for _, name := range containerLists() {
		list, _ := spec[name].([]any)
		if kept := slices.DeleteFunc(slices.Clone(list), e.ofImages); len(kept) < len(list) {
			spec[name] = kept
		}
	}
}

func (e exclusion) ofImages(container any) bool {
	object, ok := container.(map[string]any)
	image, isText := object["image"].(string)
	return ok && isText && pattern.MatchAny(e.images, image)
}

// applyAt follows the path of the field and makes the values compliant that the
// exclusion allows.
func (e exclusion) applyAt(object map[string]any, path []string) {
	name, isList := strings.CutSuffix(path[0], "[*]")
	if isList {
		e.applyInList(object, name, path[1:])
		return
	}
	if len(path) == 1 || name == "annotations" {
		e.comply(object, name)
		return
	}
	child, ok := object[name].(map[string]any)
	if !ok {
		if !e.allows("") {
			return
		}
		child = map[string]any{}
	}
	e.applyAt(child, path[1:])
	if len(child) > 0 {
		object[name] = child
	}
}

// applyInList goes into the elements of a list. Volumes and sysctls are taken
// out of it; containers are looked at by their image.
func (e exclusion) applyInList(object map[string]any, name string, path []string) {
	list, _ := object[name].([]any)
	switch name {
	case "volumes":
		object[name] = slices.DeleteFunc(slices.Clone(list), func(volume any) bool { return e.allowsVolume(volume, path) })
		return
	case "sysctls":
		object[name] = slices.DeleteFunc(slices.Clone(list), e.allowsNamed)
		return
	}
	for _, element := range list {
		child, ok := element.(map[string]any)
		if !ok || slices.Contains(containerLists(), name) && !e.ofImages(child) || len(path) == 0 {
			continue
		}
		e.applyAt(child, path)
	}
}

func (e exclusion) allowsNamed(element any) bool {
	object, ok := element.(map[string]any)
	name, isText := object["name"].(string)
	return ok && isText && e.allows(name)
}

// allowsVolume compares the values with the volume's type and with what the type
// says, such as the path of a hostPath.
func (e exclusion) allowsVolume(volume any, path []string) bool {
	object, ok := volume.(map[string]any)
	if !ok {
		return false
	}
	for kind, source := range object {
		if kind == "name" || len(path) > 0 && kind != path[0] {
			continue
		}
		if e.allows(kind) || e.allowsWithin(source) {
			return true
		}
	}
	return false
}

// allowsWithin looks at the names and the texts of what says a volume's source.
func (e exclusion) allowsWithin(source any) bool {
	object, _ := source.(map[string]any)
	for name, value := range object {
		if text, isText := value.(string); e.allows(name) || isText && e.allows(text) {
			return true
		}
	}
	return false
}

func (e exclusion) allows(text string) bool { return pattern.MatchAny(e.values, text) }

// comply writes a compliant value in place of an allowed one.
func (e exclusion) comply(object map[string]any, name string) {
	switch name {
	case "add":
		list, _ := object[name].([]any)
		object[name] = slices.DeleteFunc(slices.Clone(list), e.allowsValue)
		return
	case "annotations":
		e.complyAnnotations(object)
		return
	case "drop":
		list, _ := object[name].([]any)
		if !slices.ContainsFunc(list, func(value any) bool { return !e.allowsValue(value) }) && (len(list) > 0 || e.allows("")) {
			object[name] = []any{"ALL"}
		}
		return
	}
	if !e.allowsValue(object[name]) {
		return
	}
	value, ok := compliant(name)
	if !ok || e.control.name == seLinux {
		delete(object, name)
		return
	}
	object[name] = value
}

func (e exclusion) allowsValue(value any) bool {
	text, ok := pattern.Text(value)
	return (ok || value == nil) && e.allows(text)
}

// complyAnnotations removes AppArmor profiles that the exclusion allows.
func (e exclusion) complyAnnotations(metadata map[string]any) {
	annotations, _ := metadata["annotations"].(map[string]any)
	for key, value := range annotations {
		if strings.HasPrefix(key, "container.apparmor.security.beta.kubernetes.io/") && e.allowsValue(value) {
			delete(annotations, key)
		}
	}
}

// seLinux is the control whose types are those of SELinux, not of profiles.
const seLinux = "SELinux"

// compliant is the value that a field must have, for those that must have one.
func compliant(field string) (any, bool) {
	switch field {
	case "privileged", "allowPrivilegeEscalation", "hostNetwork", "hostPID", "hostIPC", "hostProcess":
		return false, true
	case "hostPort":
		return int64(0), true
	case "type":
		return "RuntimeDefault", true
	case "runAsNonRoot":
		return true, true
	default:
		return nil, false
	}
}

// clone is a deep copy of JSON, whatever decoded it.
func clone(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(typed))
		for key, element := range typed {
			object[key] = clone(element)
		}
		return object
	case []any:
		list := make([]any, len(typed))
		for i, element := range typed {
			list[i] = clone(element)
		}
		return list
	default:
		return value
	}
}
