package apply

import (
	"reflect"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Contains says whether every field that is set in desired has the same value
// in live, so that writing desired would change nothing.
//
// Maps are compared by key: live may have more. Lists, and structures that
// Kubernetes replaces as a whole such as label selectors, are compared whole,
// so desired must spell out in them what the server fills in by default.
// Quantities and times are compared by value, and nil equals empty. Of the
// metadata only labels, annotations, finalizers and owner references count;
// status does not. See the package comment for what "set" means.
//
// Both must be of the same Go type; if they are not, the answer is no.
func Contains(live, desired client.Object) bool {
	if reflect.TypeOf(live) != reflect.TypeOf(desired) {
		return false
	}
	if !metadataContains(live, desired) {
		return false
	}
	return bodyMatches(live, desired, contained)
}

// bodyMatches compares all of an object but its kind, metadata and status.
func bodyMatches(live, desired client.Object, how strictness) bool {
	if l, ok := live.(*unstructured.Unstructured); ok {
		return contentMatches(l.Object, desired.(*unstructured.Unstructured).Object, how)
	}
	l, d := reflect.ValueOf(live).Elem(), reflect.ValueOf(desired).Elem()
	for i := range d.NumField() {
		switch d.Type().Field(i).Name {
		case "TypeMeta", "ObjectMeta", "Status":
			continue
		}
		if !fieldMatches(l.Field(i), d.Field(i), how) {
			return false
		}
	}
	return true
}

func contentMatches(live, desired map[string]any, how strictness) bool {
	body := func(content map[string]any) map[string]any {
		rest := make(map[string]any, len(content))
		for key, value := range content {
			switch key {
			case "apiVersion", "kind", "metadata", "status":
			default:
				rest[key] = value
			}
		}
		return rest
	}
	return matches(reflect.ValueOf(body(live)), reflect.ValueOf(body(desired)), how)
}

func metadataContains(live, desired client.Object) bool {
	if !stringsContain(live.GetLabels(), desired.GetLabels()) ||
		!stringsContain(live.GetAnnotations(), desired.GetAnnotations()) {
		return false
	}
	for _, finalizer := range desired.GetFinalizers() {
		if !slices.Contains(live.GetFinalizers(), finalizer) {
			return false
		}
	}
	for _, owner := range desired.GetOwnerReferences() {
		same := func(other metav1.OwnerReference) bool { return reflect.DeepEqual(owner, other) }
		if !slices.ContainsFunc(live.GetOwnerReferences(), same) {
			return false
		}
	}
	return true
}

func stringsContain(live, desired map[string]string) bool {
	for key, value := range desired {
		if got, ok := live[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// strictness says what an absent value in desired means.
type strictness bool

const (
	// contained lets live have what desired does not set.
	contained strictness = false
	// whole wants live to have exactly what desired has.
	whole strictness = true
)

var (
	quantityType   = reflect.TypeFor[resource.Quantity]()
	timeType       = reflect.TypeFor[metav1.Time]()
	microTimeType  = reflect.TypeFor[metav1.MicroTime]()
	durationType   = reflect.TypeFor[metav1.Duration]()
	portType       = reflect.TypeFor[intstr.IntOrString]()
	selectorType   = reflect.TypeFor[metav1.LabelSelector]()
	contentMapType = reflect.TypeFor[map[string]any]()
)

// fieldMatches compares a structure's field, which desired may leave unset. A
// structure within it is looked into even so: it may hold a selector, whose
// zero value means everything.
func fieldMatches(live, desired reflect.Value, how strictness) bool {
	if how == contained && desired.IsZero() && (desired.Kind() != reflect.Struct || scalar(desired.Type())) {
		return true
	}
	return matches(live, desired, how)
}

// scalar says whether a structure stands for one value.
func scalar(t reflect.Type) bool {
	switch t {
	case quantityType, timeType, microTimeType, durationType, portType:
		return true
	default:
		return false
	}
}

// matches compares two values of one static type; desired is set.
func matches(live, desired reflect.Value, how strictness) bool {
	switch desired.Kind() {
	case reflect.Pointer, reflect.Interface:
		return referentsMatch(live, desired, how)
	case reflect.Struct:
		return structsMatch(live, desired, how)
	case reflect.Map:
		return mapsMatch(live, desired, how)
	case reflect.Slice:
		return slicesMatch(live, desired)
	default:
		return live.Equal(desired)
	}
}

func referentsMatch(live, desired reflect.Value, how strictness) bool {
	if live.IsNil() || desired.IsNil() {
		return live.IsNil() == desired.IsNil()
	}
	live, desired = live.Elem(), desired.Elem()
	return live.Type() == desired.Type() && matches(live, desired, how)
}

func structsMatch(live, desired reflect.Value, how strictness) bool {
	switch desired.Type() {
	case quantityType:
		l, d := live.Interface().(resource.Quantity), desired.Interface().(resource.Quantity)
		return l.Cmp(d) == 0
	case timeType:
		l, d := live.Interface().(metav1.Time), desired.Interface().(metav1.Time)
		return l.Equal(&d)
	case microTimeType:
		l, d := live.Interface().(metav1.MicroTime), desired.Interface().(metav1.MicroTime)
		return l.Equal(&d)
	case selectorType, durationType, portType:
		how = whole
	}
	for i := range desired.NumField() {
		if !fieldMatches(live.Field(i), desired.Field(i), how) {
			return false
		}
	}
	return true
}

// mapsMatch wants every entry of desired in live. A map that is empty on
// purpose, and one compared whole, wants no others. The maps of unstructured
// content stand for structures and hand their strictness on; in all other maps
// an entry is one value.
func mapsMatch(live, desired reflect.Value, how strictness) bool {
	if (how == whole || desired.Len() == 0) && live.Len() != desired.Len() {
		return false
	}
	if desired.Type() != contentMapType {
		how = whole
	}
	for entries := desired.MapRange(); entries.Next(); {
		got := live.MapIndex(entries.Key())
		if !got.IsValid() || !matches(got, entries.Value(), how) {
			return false
		}
	}
	return true
}

func slicesMatch(live, desired reflect.Value) bool {
	if live.Len() != desired.Len() {
		return false
	}
	for i := range desired.Len() {
		if !matches(live.Index(i), desired.Index(i), whole) {
			return false
		}
	}
	return true
}

// sameRole is false for two bindings to different roles, which the API server
// does not let anybody change in place.
func sameRole(live, desired client.Object) bool {
	switch l := live.(type) {
	case *rbacv1.RoleBinding:
		return l.RoleRef == desired.(*rbacv1.RoleBinding).RoleRef
	case *rbacv1.ClusterRoleBinding:
		return l.RoleRef == desired.(*rbacv1.ClusterRoleBinding).RoleRef
	default:
		return true
	}
}
