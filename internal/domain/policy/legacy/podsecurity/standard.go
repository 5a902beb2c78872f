package podsecurity

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

// Standard is a compiled podSecurity rule.
type Standard struct {
	level      api.Level
	version    string
	checks     []check
	exclusions []exclusion
}

// check is the revision of a check that the rule's version asks for.
type check struct {
	id    policy.CheckID
	check policy.CheckPodFn
}

// Violation is one control that a Pod does not keep to.
type Violation struct {
	// Check is the API server's name of the check.
	Check string
	// Reason in a phrase, such as "host namespaces".
	Reason string
	// Detail names containers and values.
	Detail string
}

// Compile reads a podSecurity rule. Errors begin with the field.
func Compile(source kyvernov1.PodSecurity) (*Standard, error) {
	level, err := api.ParseLevel(source.Level)
	if err != nil {
		return nil, fmt.Errorf("level: %q is no level; use privileged, baseline or restricted", source.Level)
	}
	version, name := api.LatestVersion(), "latest"
	if source.Version != "" {
		if version, err = api.ParseVersion(source.Version); err != nil {
			return nil, fmt.Errorf("version: %q is no version; use latest or such as v1.35", source.Version)
		}
		name = source.Version
	}
	compiled := &Standard{level: level, version: name, checks: checksOf(level, version)}
	if compiled.exclusions, err = compileExclusions("exclude", source.Exclude); err != nil {
		return nil, err
	}
	return compiled, nil
}

// Except returns the rule with more controls excluded. Errors begin with the
// field of a PolicyException.
func (s *Standard) Except(controls []kyvernov1.PodSecurityStandard) (*Standard, error) {
	more, err := compileExclusions("podSecurity", controls)
	if err != nil {
		return nil, err
	}
	narrower := *s
	narrower.exclusions = slices.Concat(s.exclusions, more)
	return &narrower, nil
}

func compileExclusions(field string, sources []kyvernov1.PodSecurityStandard) ([]exclusion, error) {
	var all []exclusion
	for i, source := range sources {
		one, err := compileExclusion(source)
		if err != nil {
			return nil, fmt.Errorf("%s[%d].%w", field, i, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// String is level and version, "baseline:latest".
func (s *Standard) String() string { return string(s.level) + ":" + s.version }

// checksOf chooses the checks of a level, without those that a stricter one
// replaces.
func checksOf(level api.Level, version api.Version) []check {
	var chosen []check
	var overridden []policy.CheckID
	for _, one := range policy.DefaultChecks() {
		if level == api.LevelPrivileged || level == api.LevelBaseline && one.Level == api.LevelRestricted {
			continue
		}
		revision, ok := revisionOf(one, version)
		if !ok {
			continue
		}
		chosen = append(chosen, check{one.ID, revision.CheckPod})
		overridden = append(overridden, revision.OverrideCheckIDs...)
	}
	return slices.DeleteFunc(chosen, func(c check) bool { return slices.Contains(overridden, c.id) })
}

// revisionOf is the newest revision that is not newer than the version.
func revisionOf(one policy.Check, version api.Version) (policy.VersionedCheck, bool) {
	var found policy.VersionedCheck
	ok := false
	for _, revision := range one.Versions {
		if version.Latest() || !version.Older(revision.MinimumVersion) {
			found, ok = revision, true
		}
	}
	return found, ok
}

// Judge returns what is wrong with the Pod that an object is or would create,
// sorted by check. An object without a Pod is an error.
func (s *Standard) Judge(kind string, object map[string]any) ([]Violation, error) {
	path, ok := podPath(kind)
	if !ok {
		return nil, fmt.Errorf("a %s has no Pod to judge", kind)
	}
	source := descend(object, path)
	var violations []Violation
	for _, one := range s.checks {
		result, err := s.run(one, source)
		if err != nil {
			return nil, err
		}
		if !result.Allowed {
			violations = append(violations, Violation{string(one.id), result.ForbiddenReason, result.ForbiddenDetail})
		}
	}
	slices.SortFunc(violations, func(a, b Violation) int { return strings.Compare(a.Check, b.Check) })
	return violations, nil
}

func (s *Standard) run(one check, source map[string]any) (policy.CheckResult, error) {
	subject := source
	for _, exclude := range s.exclusions {
		if !slices.Contains(exclude.control.checks, one.id) {
			continue
		}
		if exclude.isWhole() {
			return policy.CheckResult{Allowed: true}, nil
		}
		subject, _ = clone(subject).(map[string]any)
		exclude.apply(subject)
	}
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(subject, &pod); err != nil {
		return policy.CheckResult{}, fmt.Errorf("the Pod cannot be read: %w", err)
	}
	return one.check(&pod.ObjectMeta, &pod.Spec), nil
}

// podPath leads to the Pod inside of a kind.
func podPath(kind string) ([]string, bool) {
	switch kind {
	case "Pod":
		return nil, true
	case "DaemonSet", "Deployment", "Job", "StatefulSet", "ReplicaSet", "ReplicationController":
		return []string{"spec", "template"}, true
	case "CronJob":
		return []string{"spec", "jobTemplate", "spec", "template"}, true
	default:
		return nil, false
	}
}

func descend(object map[string]any, path []string) map[string]any {
	for _, key := range path {
		object, _ = object[key].(map[string]any)
	}
	if object == nil {
		return map[string]any{}
	}
	return object
}

// Describe writes violations as one phrase.
func Describe(violations []Violation) string {
	var parts []string
	for _, violation := range violations {
		part := "(Forbidden reason: " + violation.Reason
		if violation.Detail != "" {
			part += ", " + violation.Detail
		}
		parts = append(parts, part+")")
	}
	return strings.Join(parts, " ")
}
