package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/contract"
)

// The windows between deprecation and sunset.
const (
	// WindowGA is for versions that were ga.
	WindowGA = 365 * 24 * time.Hour
	// WindowBeta is for versions that were beta.
	WindowBeta = 90 * 24 * time.Hour
	// tolerance is how long before a change a deprecation may have begun: a day is
	// written as its midnight, and changes take time to be agreed on.
	tolerance = 24 * time.Hour
)

// World is what a decision looks at besides the Capability.
type World struct {
	// Now is the time of the decision.
	Now time.Time
	// Claims are the claims of each version, as namespace/name.
	Claims map[string][]string
	// Consumers are who used each version in the last 90 days.
	Consumers map[string][]capability.Consumer
	// Unknown says why Consumers cannot be known; nil when they are.
	Unknown error
}

// next are the stages that may follow a stage.
var next = map[v1alpha1.Stage][]v1alpha1.Stage{
	v1alpha1.StageAlpha:      {v1alpha1.StageBeta, v1alpha1.StageDeprecated, v1alpha1.StageRemoved},
	v1alpha1.StageBeta:       {v1alpha1.StageGA, v1alpha1.StageDeprecated},
	v1alpha1.StageGA:         {v1alpha1.StageDeprecated},
	v1alpha1.StageDeprecated: {v1alpha1.StageRemoved},
	v1alpha1.StageRemoved:    {},
}

// Review judges a change. Each error names the field, what is wrong and what
// would be legal.
func Review(before, after *v1alpha1.Capability, w World) field.ErrorList {
	var errs field.ErrorList
	at := field.NewPath("spec", "versions")
	for i := range before.Spec.Versions {
		was := &before.Spec.Versions[i]
		is := capability.Version(after, was.Name)
		if is == nil {
			if was.Stage != v1alpha1.StageRemoved {
				errs = append(errs, field.Forbidden(at, fmt.Sprintf(
					"version %q is %s and cannot be left out; legal: %s", was.Name, was.Stage, legal(was))))
			}
			continue
		}
		path := at.Key(was.Name)
		if found := transition(was, is, path); found != nil {
			errs = append(errs, found)
			continue
		}
		errs = append(errs, dates(before, was, is, w.Now, path)...)
		errs = append(errs, withdrawal(was, is, w, path)...)
		errs = append(errs, breaks(before, after, was, is, w, path)...)
	}
	return errs
}

func transition(was, is *v1alpha1.CapabilityVersion, at *field.Path) *field.Error {
	if was.Stage == is.Stage || slices.Contains(followers(was), is.Stage) {
		return nil
	}
	return field.Forbidden(at.Child("stage"), fmt.Sprintf("%s cannot follow %s; legal: %s", is.Stage, was.Stage, legal(was)))
}

// followers are the stages that may follow, as far as the version's name allows.
func followers(v *v1alpha1.CapabilityVersion) []v1alpha1.Stage {
	return slices.DeleteFunc(slices.Clone(next[v.Stage]), func(stage v1alpha1.Stage) bool {
		named := strings.Contains(v.Name, "alpha") || strings.Contains(v.Name, "beta")
		return named && (stage == v1alpha1.StageBeta || stage == v1alpha1.StageGA)
	})
}

func legal(v *v1alpha1.CapabilityVersion) string {
	stages := []string{"stay " + string(v.Stage)}
	for _, stage := range followers(v) {
		stages = append(stages, string(stage))
	}
	return strings.Join(stages, ", ")
}

// dates hold the window between deprecation and sunset open, and never shorten
// it once it was promised. A notice begins when it is given: dates that lie in
// the past, or that were put down before the version was deprecated, are none.
func dates(c *v1alpha1.Capability, was, is *v1alpha1.CapabilityVersion, now time.Time, at *field.Path) field.ErrorList {
	if is.Deprecated == nil || is.Sunset == nil {
		return nil
	}
	begun := was.Stage == v1alpha1.StageDeprecated && was.Deprecated != nil && was.Sunset != nil
	if begun && is.Deprecated.Equal(was.Deprecated) && is.Sunset.Equal(was.Sunset) {
		return nil
	}
	var errs field.ErrorList
	window, early := windowOf(c, was), now.Add(-tolerance)
	moved := !begun || is.Deprecated.Before(was.Deprecated)
	if is.Stage == v1alpha1.StageDeprecated && window > 0 && moved && is.Deprecated.Time.Before(early) {
		errs = append(errs, field.Forbidden(at.Child("deprecated"), fmt.Sprintf(
			"a version that was %s is deprecated from now on, not since before: %s at the soonest",
			promised(c, was), now.UTC().Format(time.DateOnly))))
	}
	if is.Sunset.Sub(is.Deprecated.Time) < window {
		errs = append(errs, field.Forbidden(at.Child("sunset"), fmt.Sprintf(
			"a version that was %s works for %d days after it is deprecated: %s at the soonest",
			promised(c, was), int(window.Hours()/24), is.Deprecated.Add(window).UTC().Format(time.DateOnly))))
	}
	if begun && is.Sunset.Before(was.Sunset) {
		errs = append(errs, field.Forbidden(at.Child("sunset"), fmt.Sprintf(
			"%s was promised and is not brought forward: a later day is legal", was.Sunset.UTC().Format(time.DateOnly))))
	}
	return errs
}

// promised is the strongest stage that the version was in.
func promised(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) v1alpha1.Stage {
	status := capability.VersionStatus(c, v.Name)
	switch {
	case v.Stage == v1alpha1.StageGA || status != nil && status.WasGA:
		return v1alpha1.StageGA
	case strings.Contains(v.Name, "alpha") || v.Stage == v1alpha1.StageAlpha:
		return v1alpha1.StageAlpha
	case strings.Contains(v.Name, "beta") || v.Stage == v1alpha1.StageBeta:
		return v1alpha1.StageBeta
	}
	return v1alpha1.StageGA
}

func windowOf(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) time.Duration {
	return map[v1alpha1.Stage]time.Duration{v1alpha1.StageGA: WindowGA, v1alpha1.StageBeta: WindowBeta}[promised(c, v)]
}

// withdrawal waits for the sunset and for the last who uses the version. To stop
// serving a version takes it away as removing it does.
func withdrawal(was, is *v1alpha1.CapabilityVersion, w World, at *field.Path) field.ErrorList {
	removed := is.Stage == v1alpha1.StageRemoved && was.Stage != v1alpha1.StageRemoved
	unserved := is.Stage != v1alpha1.StageRemoved && capability.Served(was) && !capability.Served(is)
	switch {
	case removed:
		at = at.Child("stage")
	case unserved:
		at = at.Child("served")
	default:
		return nil
	}
	var errs field.ErrorList
	refuse := func(format string, args ...any) {
		errs = append(errs, field.Forbidden(at, fmt.Sprintf(format, args...)))
	}
	if sunset := sunsetOf(was, is); sunset != nil && w.Now.Before(sunset.Time) {
		refuse("version %q is promised until %s: remove it after that", was.Name, sunset.UTC().Format(time.DateOnly))
	}
	if unserved && (is.Stage == v1alpha1.StageBeta || is.Stage == v1alpha1.StageGA) {
		refuse("a %s version is served until its sunset: deprecate it, and remove it then", is.Stage)
	}
	if claims := w.Claims[was.Name]; len(claims) > 0 {
		refuse("version %q is still claimed by %s: move them to another version first", was.Name, few(claims))
	}
	if users := Users(w.Consumers[was.Name]); len(users) > 0 {
		refuse("version %q was used in the last 90 days by %s: talk to them first", was.Name, few(users))
	}
	if w.Unknown != nil {
		refuse("who uses version %q cannot be known now, so it stays: %v", was.Name, w.Unknown)
	}
	return errs
}

// sunsetOf is the sunset that was promised, or is by the change itself; nil when
// none is.
func sunsetOf(was, is *v1alpha1.CapabilityVersion) *metav1.Time {
	switch {
	case was.Stage == v1alpha1.StageDeprecated:
		return was.Sunset
	case is.Stage == v1alpha1.StageDeprecated:
		return is.Sunset
	}
	return nil
}

// breaks holds stages to what they promise of contracts.
func breaks(before, after *v1alpha1.Capability, was, is *v1alpha1.CapabilityVersion, w World, at *field.Path) field.ErrorList {
	stage := promised(before, was)
	if stage == v1alpha1.StageAlpha || is.Stage == v1alpha1.StageRemoved {
		return nil
	}
	found, err := contract.Compare(before, after, was.Name)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(at.Child("schema"), "", err.Error())}
	case len(found) == 0:
		return nil
	case stage == v1alpha1.StageGA:
		return field.ErrorList{field.Forbidden(at.Child("schema"), fmt.Sprintf(
			"version %q is %s, and its contract holds; publish another version. It would break:\n%s\n%s",
			was.Name, was.Stage, contract.Words(found), usedBy(w, was.Name)))}
	}
	if why := unannounced(before, was, w.Now); why != "" {
		return field.ErrorList{field.Forbidden(at.Child("schema"), fmt.Sprintf(
			"version %q is beta: %s. It would break:\n%s\n%s", was.Name, why, contract.Words(found), usedBy(w, was.Name)))}
	}
	return nil
}

// unannounced says what is missing before a beta version may break; empty when
// nothing is. The notice is the one that was published before this change.
func unannounced(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion, now time.Time) string {
	if v.Notice == nil {
		return "publish a notice first, in a change of its own"
	}
	if v.Notice.Published.After(now) {
		return "its notice is not published yet"
	}
	if status := capability.VersionStatus(c, v.Name); status != nil && v.Notice.Published.Before(&status.ContractSince) {
		return "its notice announced the break before: publish another one first"
	}
	return ""
}

func usedBy(w World, version string) string {
	users := Users(w.Consumers[version])
	switch {
	case w.Unknown != nil:
		return fmt.Sprintf("Who used it in the last 90 days cannot be known now: %v.", w.Unknown)
	case len(users) > 0:
		return "Used in the last 90 days by " + few(users) + "."
	case len(w.Claims[version]) > 0:
		return "Claimed by " + few(w.Claims[version]) + "."
	}
	return "Nobody used it through the gateway in the last 90 days."
}

// Users names consumers and what they did, each once and sorted.
func Users(consumers []capability.Consumer) []string {
	var users []string
	for _, c := range consumers {
		user := c.Tenant
		if c.Client != "" {
			user += " (" + c.Client + ")"
		}
		if c.Operation != "" {
			user += " by " + c.Operation
		}
		users = append(users, user)
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// named is how many are named of many.
const named = 20

func few(names []string) string {
	if len(names) <= named {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), len(names)-named)
}

// Deletion says why a Capability cannot be deleted; nil when it can.
func Deletion(c *v1alpha1.Capability, w World) error {
	var all []string
	for _, claims := range w.Claims {
		all = append(all, claims...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) > 0 {
		return fmt.Errorf("capability %q is in use and cannot be deleted: it is claimed by %s", c.Name, few(all))
	}
	return nil
}
