package podsecurity_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/podsecurity"
)

// restricted is a Pod that keeps to the strictest level.
const restricted = `{spec: {securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, containers: [
  {name: a, image: app/a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}}`

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, rule, kind, object, want, reason string }{
		{"compliant", `{level: restricted}`, "Pod", restricted, "", "nothing to complain of"},
		{"privileged level", `{level: privileged}`, "Pod", `{spec: {hostNetwork: true, containers: []}}`, "", "the level allows everything"},
		{"privileged container", `{level: baseline}`, "Pod", `{spec: {containers: [{name: a, securityContext: {privileged: true}}]}}`, "privileged", "at baseline already"},
		{"bare Pod", `{level: restricted}`, "Pod", `{spec: {containers: [{name: a}]}}`, "allowPrivilegeEscalation capabilities_restricted runAsNonRoot seccompProfile_restricted", "nothing is set"},
		{"older version", `{level: restricted, version: v1.0}`, "Pod", `{spec: {containers: [{name: a}]}}`, "runAsNonRoot", "checks came with later versions"},
		{"workload", `{level: baseline}`, "Deployment", `{spec: {template: {spec: {hostPID: true, containers: []}}}}`, "hostNamespaces", "its template is judged"},
		{"cron job", `{level: baseline}`, "CronJob", `{spec: {jobTemplate: {spec: {template: {spec: {hostIPC: true, containers: []}}}}}}`, "hostNamespaces", "further down"},
		{"control of the Pod", `{level: baseline, exclude: [{controlName: Host Namespaces, restrictedField: spec.hostNetwork, values: ["true"]}]}`, "Pod", `{spec: {hostNetwork: true, containers: []}}`, "", "the field with this value is allowed"},
		{"another field", `{level: baseline, exclude: [{controlName: Host Namespaces, restrictedField: spec.hostNetwork, values: ["true"]}]}`, "Pod", `{spec: {hostPID: true, containers: []}}`, "hostNamespaces", "another field is not"},
		{"images", `{level: baseline, exclude: [{controlName: Privileged Containers, images: ["trusted/*"]}]}`, "Pod", `{spec: {containers: [{name: a, image: trusted/x, securityContext: {privileged: true}}]}}`, "", "containers of these images are allowed"},
		{"other images", `{level: baseline, exclude: [{controlName: Privileged Containers, images: ["trusted/*"]}]}`, "Pod", `{spec: {containers: [{name: a, image: other/x, securityContext: {privileged: true}}]}}`, "privileged", "others are not"},
		{"init containers", `{level: baseline, exclude: [{controlName: Privileged Containers, images: ["trusted/*"]}]}`, "Pod", `{spec: {initContainers: [{name: i, image: trusted/i, securityContext: {privileged: true}}], containers: [{name: a, image: other/x}]}}`, "", "of any list"},
		{"capabilities", `{level: baseline, exclude: [{controlName: Capabilities, images: ["*"], restrictedField: "spec.containers[*].securityContext.capabilities.add", values: [SYS_TIME]}]}`, "Pod", `{spec: {containers: [{name: a, image: x, securityContext: {capabilities: {add: [SYS_TIME]}}}]}}`, "", "this one may be added"},
		{"other capabilities", `{level: baseline, exclude: [{controlName: Capabilities, images: ["*"], restrictedField: "spec.containers[*].securityContext.capabilities.add", values: [SYS_TIME]}]}`, "Pod", `{spec: {containers: [{name: a, image: x, securityContext: {capabilities: {add: [SYS_TIME, SYS_ADMIN]}}}]}}`, "capabilities_baseline", "another one beside it may not"},
		{"capabilities to drop", `{level: restricted, exclude: [{controlName: Capabilities, images: ["*"], restrictedField: "spec.containers[*].securityContext.capabilities.drop", values: [NET_RAW]}]}`, "Pod", strings.ReplaceAll(restricted, "[ALL]", "[NET_RAW]"), "", "dropping that is enough"},
		{"escalation", `{level: restricted, exclude: [{controlName: Privilege Escalation, images: ["app/*"], restrictedField: "spec.containers[*].securityContext.allowPrivilegeEscalation", values: ["true"]}]}`, "Pod", strings.ReplaceAll(restricted, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"), "", "true is as good as false"},
		{"seccomp of the Pod", `{level: restricted, exclude: [{controlName: Seccomp, restrictedField: spec.securityContext.seccompProfile.type, values: [Unconfined]}]}`, "Pod", strings.ReplaceAll(restricted, "RuntimeDefault", "Unconfined"), "", "the Pod's profile with this value"},
		{"seccomp of containers", `{level: restricted, exclude: [{controlName: Seccomp}, {controlName: Seccomp, images: ["*"]}]}`, "Pod", strings.ReplaceAll(restricted, ", seccompProfile: {type: RuntimeDefault}", ""), "", "the Pod's and the containers' by two entries"},
		{"non-root", `{level: restricted, exclude: [{controlName: Running as Non-root, restrictedField: spec.securityContext.runAsNonRoot, values: ["false"]}]}`, "Pod", strings.ReplaceAll(restricted, "runAsNonRoot: true", "runAsNonRoot: false"), "", "false is as good as true"},
		{"sysctls", `{level: baseline, exclude: [{controlName: Sysctls, restrictedField: "spec.securityContext.sysctls[*].name", values: ["net.core.*"]}]}`, "Pod", `{spec: {securityContext: {sysctls: [{name: net.core.somaxconn, value: "1"}]}, containers: []}}`, "", "by name, with wildcards"},
		{"volumes by type", `{level: restricted, exclude: [{controlName: Volume Types, restrictedField: "spec.volumes[*].nfs", values: ["*"]}]}`, "Pod", strings.Replace(restricted, "containers:", "volumes: [{name: v, nfs: {server: s, path: /p}}], containers:", 1), "", "volumes of this type"},
		{"host paths", `{level: baseline, exclude: [{controlName: HostPath Volumes, restrictedField: "spec.volumes[*].hostPath", values: ["/var/log"]}]}`, "Pod", `{spec: {volumes: [{name: a, hostPath: {path: /var/log}}, {name: b, hostPath: {path: /etc}}], containers: []}}`, "hostPathVolumes", "one path is allowed, the other is not"},
		{"host ports", `{level: baseline, exclude: [{controlName: Host Ports, images: ["*"], restrictedField: "spec.containers[*].ports[*].hostPort", values: ["80*"]}]}`, "Pod", `{spec: {containers: [{name: a, image: x, ports: [{containerPort: 1, hostPort: 8080}]}]}}`, "", "in each of the ports"},
		{"selinux", `{level: baseline, exclude: [{controlName: SELinux, restrictedField: spec.securityContext.seLinuxOptions.type, values: [spc_t]}]}`, "Pod", `{spec: {securityContext: {seLinuxOptions: {type: spc_t}}, containers: []}}`, "", "a type of SELinux is no profile"},
		{"no Pod at all", `{level: baseline}`, "Deployment", `{}`, "", "without containers there is nothing wrong"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			standard, err := podsecurity.Compile(rule(t, test.rule))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			violations, err := standard.Judge(test.kind, object(t, test.object))
			for _, violation := range violations {
				got = append(got, violation.Check)
			}
			if err != nil || strings.Join(got, " ") != test.want {
				t.Errorf("got %q (%s, %v), want %q: %s", strings.Join(got, " "), podsecurity.Describe(violations), err, test.want, test.reason)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{level: strict}`:                                                               `level: "strict" is no level`,
		`{level: baseline, version: "1.30"}`:                                            `version: "1.30" is no version`,
		`{level: baseline, exclude: [{controlName: Ports}]}`:                            `exclude[0].controlName: "Ports" is no control`,
		`{level: baseline, exclude: [{controlName: Host Ports}]}`:                       "exclude[0].images: control \"Host Ports\" is about containers",
		`{level: baseline, exclude: [{controlName: Sysctls, images: ["*"]}]}`:           "exclude[0].images: control \"Sysctls\" is about the Pod",
		`{level: baseline, exclude: [{controlName: Sysctls, values: [a]}]}`:             "exclude[0].values: say which field",
		`{level: baseline, exclude: [{controlName: Sysctls, restrictedField: spec.a}]}`: "exclude[0].restrictedField: say in values",
	} {
		if _, err := podsecurity.Compile(rule(t, source)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", source, err, want)
		}
	}
}

func TestOtherKindsAndShapes(t *testing.T) {
	t.Parallel()
	standard, err := podsecurity.Compile(rule(t, `{level: baseline}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := standard.Judge("Service", map[string]any{}); err == nil {
		t.Error("a Service was judged, want an error")
	}
	if _, err := standard.Judge("Pod", object(t, `{spec: {containers: x}}`)); err == nil {
		t.Error("a Pod whose containers are a text was judged, want an error")
	}
}

func rule(t testing.TB, text string) kyvernov1.PodSecurity {
	t.Helper()
	var found kyvernov1.PodSecurity
	if err := yaml.UnmarshalStrict([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var found map[string]any
	if err := yaml.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func FuzzJudge(f *testing.F) {
	f.Add(`{"spec":{"containers":[{"image":"x","ports":[{"hostPort":1}]}]}}`, "spec.containers[*].ports[*].hostPort")
	f.Add(`{"spec":{"volumes":[1,{"nfs":[]}]}}`, "spec.volumes[*]")
	f.Add(`{"metadata":{"annotations":3}}`, "metadata.annotations")
	f.Fuzz(func(_ *testing.T, text, field string) {
		var pod map[string]any
		if json.Unmarshal([]byte(text), &pod) != nil {
			return
		}
		standard, err := podsecurity.Compile(kyvernov1.PodSecurity{Level: "restricted", Exclude: []kyvernov1.PodSecurityStandard{
			{ControlName: "Seccomp", Images: []string{"*"}, RestrictedField: field, Values: []string{"*"}},
			{ControlName: "Volume Types", RestrictedField: field, Values: []string{"*"}},
			{ControlName: "AppArmor"},
		}})
		if err == nil {
			_, _ = standard.Judge("Pod", pod)
		}
	})
}
