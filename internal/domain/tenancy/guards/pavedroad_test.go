package guards_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// posture is what Pod Security looks at.
type posture struct {
	Pod        *corev1.PodSecurityContext
	Containers map[string]*corev1.SecurityContext
}

func postureOf(spec *corev1.PodSpec) posture {
	p := posture{Pod: spec.SecurityContext, Containers: map[string]*corev1.SecurityContext{}}
	for _, c := range spec.InitContainers {
		p.Containers[c.Name] = c.SecurityContext
	}
	for _, c := range spec.Containers {
		p.Containers[c.Name] = c.SecurityContext
	}
	return p
}

var (
	yes, no        = true, false
	one, thousand  = int64(1), int64(1000)
	runtimeDefault = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	dropAll        = []corev1.Capability{"ALL"}
	closedPod      = &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: runtimeDefault}
	closed         = &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: dropAll}}
)

func testPavedRoad(t *testing.T, p *plane) {
	t.Parallel()
	s := stage(t, p, "paved")
	ann := s.personas[0].client
	for _, row := range shapes() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			web := pod(s.mine, row.change)
			if err := ann.Create(t.Context(), web, client.DryRunAll); err != nil {
				t.Fatalf("%s: %v", row.reason, err)
			}
			if diff := cmp.Diff(row.want, postureOf(&web.Spec)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", row.reason, diff)
			}
		})
	}
	for _, workload := range workloads(s.mine) {
		t.Run(workload.name, func(t *testing.T) { checkWorkload(t, ann, workload) })
	}
	t.Run("UpdatesCountWhenTheTemplateChanges", func(t *testing.T) { s.leavesOldTemplatesAlone(t) })
	t.Run("DebuggingContainers", func(t *testing.T) { s.closesDebuggingContainers(t) })
}

type shape struct {
	name, reason string
	change       func(*corev1.Pod)
	want         posture
}

func shapes() []shape {
	web := func(c *corev1.SecurityContext) map[string]*corev1.SecurityContext {
		return map[string]*corev1.SecurityContext{"web": c}
	}
	sets := func(c corev1.SecurityContext) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.Containers[0].SecurityContext = &c }
	}
	localhost := &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: new(string)}
	*localhost.LocalhostProfile = "profiles/web.json"
	return []shape{
		{"ordinary", "what is open is closed", func(*corev1.Pod) {}, posture{closedPod, web(closed)}},
		{"empty contexts", "empty says nothing", func(p *corev1.Pod) {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{}
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{}}
		}, posture{closedPod, web(closed)}},
		{"closed already", "nothing is left to do", func(p *corev1.Pod) {
			p.Spec.SecurityContext = closedPod.DeepCopy()
			p.Spec.Containers[0].SecurityContext = closed.DeepCopy()
		}, posture{closedPod, web(closed)}},
		{"several containers", "each container counts", func(p *corev1.Pod) {
			image := p.Spec.Containers[0].Image
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "sidecar", Image: image})
			p.Spec.InitContainers = []corev1.Container{{Name: "first", Image: image}, {Name: "second", Image: image}}
		}, posture{closedPod, map[string]*corev1.SecurityContext{"web": closed, "sidecar": closed, "first": closed, "second": closed}}},
		{"a low port", "a capability that Pod Security allows stays", sets(corev1.SecurityContext{
			Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_BIND_SERVICE"}},
		}), posture{closedPod, web(&corev1.SecurityContext{
			AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_BIND_SERVICE"}, Drop: dropAll},
		})}},
		{
			"a user", "the user stays", sets(corev1.SecurityContext{RunAsUser: &thousand, ReadOnlyRootFilesystem: &yes}),
			posture{closedPod, web(&corev1.SecurityContext{
				RunAsUser: &thousand, ReadOnlyRootFilesystem: &yes, AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: dropAll},
			})},
		},
		{"a group and a profile of the pod", "what the pod says stays", func(p *corev1.Pod) {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: &thousand, SeccompProfile: localhost}
		}, posture{&corev1.PodSecurityContext{FSGroup: &thousand, SeccompProfile: localhost, RunAsNonRoot: &yes}, web(closed)}},
		{
			"a profile of the container", "what the container says stays", sets(corev1.SecurityContext{SeccompProfile: localhost}),
			posture{closedPod, web(&corev1.SecurityContext{
				SeccompProfile: localhost, AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: dropAll},
			})},
		},
		{"Windows", "Windows has none of these fields", func(p *corev1.Pod) {
			p.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
			p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: &yes}
		}, posture{&corev1.PodSecurityContext{RunAsNonRoot: &yes}, web(nil)}},
	}
}

// workload is an object with a template, and where the template's pod is.
type workload struct {
	name   string
	object client.Object
	spec   func(client.Object) *corev1.PodSpec
}

func workloads(namespace string) []workload {
	meta := metav1.ObjectMeta{Namespace: namespace, GenerateName: "paved-"}
	labels := map[string]string{"app": "paved"}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod("").Spec}
	once := *template.DeepCopy()
	once.Spec.RestartPolicy = corev1.RestartPolicyNever
	job := batchv1.JobSpec{Template: once}
	return []workload{
		{
			"Deployment", &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}},
			func(o client.Object) *corev1.PodSpec { return &o.(*appsv1.Deployment).Spec.Template.Spec },
		},
		{
			"StatefulSet", &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}},
			func(o client.Object) *corev1.PodSpec { return &o.(*appsv1.StatefulSet).Spec.Template.Spec },
		},
		{
			"DaemonSet", &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}},
			func(o client.Object) *corev1.PodSpec { return &o.(*appsv1.DaemonSet).Spec.Template.Spec },
		},
		{
			"ReplicaSet", &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}},
			func(o client.Object) *corev1.PodSpec { return &o.(*appsv1.ReplicaSet).Spec.Template.Spec },
		},
		{
			"Job", &batchv1.Job{ObjectMeta: meta, Spec: job},
			func(o client.Object) *corev1.PodSpec { return &o.(*batchv1.Job).Spec.Template.Spec },
		},
		{
			"CronJob", &batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{Schedule: "@daily", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}},
			func(o client.Object) *corev1.PodSpec {
				return &o.(*batchv1.CronJob).Spec.JobTemplate.Spec.Template.Spec
			},
		},
	}
}

// checkWorkload wants the template closed, and the copy that a controller owns
// left as it is.
func checkWorkload(t *testing.T, c client.Client, w workload) {
	t.Parallel()
	fresh, owned := w.object.DeepCopyObject().(client.Object), w.object.DeepCopyObject().(client.Object)
	owned.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Owner", Name: "owner", UID: "1", Controller: &yes}})
	for _, object := range []client.Object{fresh, owned} {
		if err := c.Create(t.Context(), object, client.DryRunAll); err != nil {
			t.Fatal(err)
		}
	}
	want := posture{closedPod, map[string]*corev1.SecurityContext{"web": closed}}
	if diff := cmp.Diff(want, postureOf(w.spec(fresh))); diff != "" {
		t.Errorf("a template of one's own (-want +got):\n%s", diff)
	}
	untouched := posture{&corev1.PodSecurityContext{}, map[string]*corev1.SecurityContext{"web": nil}}
	if diff := cmp.Diff(untouched, postureOf(w.spec(owned))); diff != "" {
		t.Errorf("a controller's copy (-want +got):\n%s", diff)
	}
}

// leavesOldTemplatesAlone makes a Deployment as it was before its namespace was
// adopted. Scaling it must not restart its pods; changing the template may.
func (s *scene) leavesOldTemplatesAlone(t *testing.T) {
	const namespace = "paved-adopted"
	create(t, s.admin, namespaceNamed(namespace))
	old := workloads(namespace)[0].object.(*appsv1.Deployment)
	old.Spec.Replicas = new(int32)
	create(t, s.admin, old)
	adopted := namespaceNamed(namespace)
	labels := `{"metadata":{"labels":{"tenancy.roadbed.dev/tenant":"paved-adopted","pod-security.kubernetes.io/enforce":"restricted"}}}`
	if err := s.roadbed.Patch(t.Context(), adopted, mergePatch(labels)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the adopted namespace has a paved road", func() error {
		fresh := workloads(namespace)[0].object.(*appsv1.Deployment)
		if err := s.admin.Create(t.Context(), fresh, client.DryRunAll); err != nil {
			return err
		}
		return wantClosed(&fresh.Spec.Template.Spec)
	})
	scaled := old.DeepCopy()
	if err := s.admin.Patch(t.Context(), scaled, mergePatch(`{"spec":{"replicas":3}}`), client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(old.Spec.Template, scaled.Spec.Template); diff != "" {
		t.Errorf("scaling changed the template (-before +after):\n%s", diff)
	}
	changed := old.DeepCopy()
	if err := s.admin.Patch(t.Context(), changed, mergePatch(`{"spec":{"template":{"metadata":{"labels":{"v":"2"}}}}}`), client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if err := wantClosed(&changed.Spec.Template.Spec); err != nil {
		t.Errorf("a changed template stayed open: %v", err)
	}
}

func wantClosed(spec *corev1.PodSpec) error {
	want := posture{closedPod, map[string]*corev1.SecurityContext{"web": closed}}
	if diff := cmp.Diff(want, postureOf(spec)); diff != "" {
		return fmt.Errorf("not closed (-want +got):\n%s", diff)
	}
	return nil
}

// closesDebuggingContainers adds two debugging containers one after another:
// the first must not stand in the second's way.
func (s *scene) closesDebuggingContainers(t *testing.T) {
	ann := s.personas[0].client
	web := pod(s.mine)
	create(t, ann, web)
	for _, name := range []string{"debug-1", "debug-2"} {
		eventually(t, "add "+name, func() error { return debug(t, ann, web, name, web.Spec.Containers[0].Image) })
	}
	for _, c := range web.Spec.EphemeralContainers {
		if diff := cmp.Diff(closed, c.SecurityContext); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.Name, diff)
		}
	}
	eventually(t, "a foreign image is refused", func() error {
		err := debug(t, ann, web, "debug-3", "docker.io/evil:1")
		if err == nil || !strings.Contains(err.Error(), fingerprint("registries")) {
			return fmt.Errorf("want it refused by registries, got: %w", err)
		}
		return nil
	})
}

// debug adds a debugging container to the pod as it is now. The kubelet writes
// the pod's status meanwhile, so that a conflict is nothing unusual.
func debug(t *testing.T, c client.Client, web *corev1.Pod, name, image string) error {
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(web), web); err != nil {
		return err
	}
	web.Spec.EphemeralContainers = append(web.Spec.EphemeralContainers, corev1.EphemeralContainer{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: name, Image: image},
	})
	return c.SubResource("ephemeralcontainers").Update(t.Context(), web)
}
