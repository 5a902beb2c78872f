package podsecurity

import "k8s.io/pod-security-admission/policy"

// level of what a control looks at.
type level int

const (
	ofPod level = iota
	ofContainers
	ofBoth
)

// control is one control of the standards, by the name that the documentation
// of Kubernetes gives it.
type control struct {
	name   string
	level  level
	checks []policy.CheckID
}

func controls() []control {
	return []control{
		{name: "Capabilities", level: ofContainers, checks: []policy.CheckID{"capabilities_baseline", "capabilities_restricted"}},
		{name: "Privileged Containers", level: ofContainers, checks: []policy.CheckID{"privileged"}},
		{name: "Host Ports", level: ofContainers, checks: []policy.CheckID{"hostPorts"}},
		{name: "/proc Mount Type", level: ofContainers, checks: []policy.CheckID{"procMount", "procMount_restricted"}},
		{name: "Privilege Escalation", level: ofContainers, checks: []policy.CheckID{"allowPrivilegeEscalation"}},
		{name: "Host Probes / Lifecycle Hooks", level: ofContainers, checks: []policy.CheckID{"hostProbesAndHostLifecycle"}},
		{name: "Host Namespaces", level: ofPod, checks: []policy.CheckID{"hostNamespaces"}},
		{name: "HostPath Volumes", level: ofPod, checks: []policy.CheckID{"hostPathVolumes"}},
		{name: "Sysctls", level: ofPod, checks: []policy.CheckID{"sysctls"}},
		{name: "Volume Types", level: ofPod, checks: []policy.CheckID{"restrictedVolumes"}},
		{name: "Seccomp", level: ofBoth, checks: []policy.CheckID{"seccompProfile_baseline", "seccompProfile_restricted"}},
		{name: "HostProcess", level: ofBoth, checks: []policy.CheckID{"windowsHostProcess"}},
		{name: seLinux, level: ofBoth, checks: []policy.CheckID{"seLinuxOptions"}},
		{name: "AppArmor", level: ofBoth, checks: []policy.CheckID{"appArmorProfile"}},
		{name: "Running as Non-root", level: ofBoth, checks: []policy.CheckID{"runAsNonRoot"}},
		{name: "Running as Non-root user", level: ofBoth, checks: []policy.CheckID{"runAsUser"}},
	}
}

// Names are those of all controls.
func Names() []string {
	var names []string
	for _, one := range controls() {
		names = append(names, one.name)
	}
	return names
}

func controlNamed(name string) (control, bool) {
	for _, found := range controls() {
		if found.name == name {
			return found, true
		}
	}
	return control{}, false
}

// podFields are the fields of the Pod itself that controls of both levels look
// at.
func podFields(name string) []string {
	switch name {
	case "Seccomp":
		return []string{"spec.securityContext.seccompProfile.type"}
	case "HostProcess":
		return []string{"spec.securityContext.windowsOptions.hostProcess"}
	case seLinux:
		return []string{"spec.securityContext.seLinuxOptions.type", "spec.securityContext.seLinuxOptions.user", "spec.securityContext.seLinuxOptions.role"}
	case "AppArmor":
		return []string{"metadata.annotations", "spec.securityContext.appArmorProfile.type"}
	case "Running as Non-root":
		return []string{"spec.securityContext.runAsNonRoot"}
	case "Running as Non-root user":
		return []string{"spec.securityContext.runAsUser"}
	default:
		return nil
	}
}
