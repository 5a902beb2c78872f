package catalogue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

const soon = time.Minute

// inForce puts policies of the catalogue in force in a namespace of its own.
func inForce(t *testing.T, s *server, namespace string, annotations map[string]string, chosen func(catalogue.Entry) bool) {
	t.Helper()
	for i, entry := range catalogue.All() {
		objects, reason, err := compile(entry)
		if err != nil {
			t.Fatal(err)
		}
		if reason != "" || !chosen(entry) {
			continue
		}
		for _, object := range alone(objects, namespace, fmt.Sprintf("%s-%d", namespace, i)) {
			s.create(t, object)
		}
	}
	s.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: namespace, Labels: map[string]string{"tenancy.roadbed.dev/tenant": "example"}, Annotations: annotations,
	}})
}

func named(name string) func(catalogue.Entry) bool {
	return func(e catalogue.Entry) bool { return e.Name == name }
}

func web(namespace string, change func(*corev1.PodSpec)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.corp.example/web:1"}}},
	}
	change(&pod.Spec)
	return pod
}

func hostNetwork(spec *corev1.PodSpec) { spec.HostNetwork = true }

// TestWhatWasThereStays wants a policy to leave alone what it would refuse
// today, for as long as nothing else about it changes.
func TestWhatWasThereStays(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	s := newServer(t, env)
	const namespace = "catalogue-was-there"
	s.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"tenancy.roadbed.dev/tenant": "example"}}})
	old := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "old"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "old"}}, Replicas: new(int32(0)),
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "old"}}, Spec: web(namespace, hostNetwork).Spec},
		},
	}
	s.create(t, old)
	inForce(t, s, namespace, nil, named("pod-security-baseline"))
	kubetest.Eventually(t, soon, "the policy is in force", func() error {
		if err := s.Create(t.Context(), web(namespace, hostNetwork), client.DryRunAll); err == nil {
			return errors.New("a pod on the host's network passes")
		}
		return nil
	})
	scaled := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"a":"b"}},"spec":{"replicas":1}}`))
	if err := s.Patch(t.Context(), old, scaled, client.DryRunAll); err != nil {
		t.Errorf("labels and replicas of what was there cannot change: %v", err)
	}
	changed := client.RawPatch("application/strategic-merge-patch+json", []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"registry.corp.example/web:2"}]}}}}`))
	if err := s.Patch(t.Context(), old, changed, client.DryRunAll); !apierrors.IsInvalid(err) {
		t.Errorf("a new template on the host's network: %v", err)
	}
}

// TestDebuggingContainers wants what is added to a running pod to be judged.
func TestDebuggingContainers(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	s := newServer(t, env)
	const namespace = "catalogue-debugging"
	env.InstallCRDs(t)
	pod := web(namespace, func(spec *corev1.PodSpec) { spec.Containers[0].Image = "registry.corp.example/web" })
	pod.Name = "running"
	s.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"tenancy.roadbed.dev/tenant": "example"}}})
	kubetest.Eventually(t, soon, "the pod is made", func() error { return s.Create(t.Context(), pod) })
	inForce(t, s, namespace, nil, func(e catalogue.Entry) bool { return e.Name == "pod-security-baseline" || e.Name == "image-tags" })
	kubetest.Eventually(t, soon, "the policies are in force", func() error {
		for _, change := range []func(*corev1.PodSpec){hostNetwork, func(spec *corev1.PodSpec) { spec.Containers[0].Image = "a/web" }} {
			if err := s.Create(t.Context(), web(namespace, change), client.DryRunAll); err == nil {
				return errors.New("a bad pod passes")
			}
		}
		return nil
	})
	debugging := func(image string, privileged bool) error {
		with := pod.DeepCopy()
		with.ResourceVersion = "" // the scheduler writes the pod meanwhile
		with.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "debug", Image: image, SecurityContext: &corev1.SecurityContext{Privileged: &privileged},
		}}}
		return s.SubResource("ephemeralcontainers").Update(t.Context(), with, &client.SubResourceUpdateOptions{UpdateOptions: client.UpdateOptions{DryRun: []string{metav1.DryRunAll}}})
	}
	if err := debugging("registry.corp.example/debug:1", true); err == nil || !strings.Contains(err.Error(), "container debug is privileged") {
		t.Errorf("a privileged container is added: %v", err)
	}
	if err := debugging("registry.corp.example/debug", false); err == nil || !strings.Contains(err.Error(), "image registry.corp.example/debug has no tag") {
		t.Errorf("a container without a tag is added: %v", err)
	}
	if err := debugging("registry.corp.example/debug:1", false); err != nil {
		t.Errorf("an ordinary one is refused: %v", err)
	}
}

// TestLargePods wants pods much larger than usual, under all policies at once
// and with a list of registries as long as the Tenant allows, to stay within
// what Kubernetes lets a policy spend: one that cannot finish refuses.
func TestLargePods(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	s := newServer(t, env)
	const namespace = "catalogue-large"
	long := strings.Repeat("x", 200)
	registries := make([]string, 32)
	for i := range registries {
		registries[i] = fmt.Sprintf("registry.example/%s-%d/", long, i)
	}
	inForce(t, s, namespace, map[string]string{"tenancy.roadbed.dev/registries": strings.Join(registries, ",")}, func(catalogue.Entry) bool { return true })
	large := web(namespace, func(spec *corev1.PodSpec) {
		spec.Containers = nil
		for i := range 25 {
			image := registries[31] + "web:1"
			spec.Containers = append(spec.Containers, corev1.Container{Name: fmt.Sprintf("web-%d", i), Image: image})
			spec.InitContainers = append(spec.InitContainers, corev1.Container{Name: fmt.Sprintf("init-%d", i), Image: image})
		}
	})
	kubetest.Eventually(t, soon, "the policies are in force", func() error {
		for _, change := range []func(*corev1.PodSpec){
			hostNetwork,
			func(spec *corev1.PodSpec) { spec.Containers[0].Image = "elsewhere.example/web:1" },
			func(spec *corev1.PodSpec) { spec.Containers[0].Image = registries[0] + "web" },
		} {
			if err := s.Create(t.Context(), web(namespace, change), client.DryRunAll); err == nil {
				return errors.New("a bad pod passes")
			}
		}
		return nil
	})
	kubetest.Eventually(t, soon, "a large pod passes and gets its limits", func() error {
		made := large.DeepCopy()
		if err := s.Create(t.Context(), made, client.DryRunAll); err != nil {
			return err
		}
		if len(made.Spec.InitContainers[24].Resources.Limits) != 2 {
			return fmt.Errorf("limits are %v", made.Spec.InitContainers[24].Resources.Limits)
		}
		return nil
	})
}

// TestDefaultAccount wants the account that every namespace has to mount no
// token, and one that says otherwise to be left alone.
func TestDefaultAccount(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	s := newServer(t, env)
	const namespace = "catalogue-account"
	inForce(t, s, namespace, nil, func(e catalogue.Entry) bool { return e.Tier == policy.Default })
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}
	kubetest.Eventually(t, soon, "the account mounts no token", func() error {
		if err := s.Get(t.Context(), client.ObjectKeyFromObject(account), account); err != nil {
			return err
		}
		if account.AutomountServiceAccountToken == nil || *account.AutomountServiceAccountToken {
			// The namespace was faster than the policy: Kubernetes makes the account anew.
			return errors.Join(errors.New("it mounts one"), s.Delete(t.Context(), account.DeepCopy()))
		}
		return nil
	})
	own := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "own"}}
	if err := s.Create(t.Context(), own); err != nil || own.AutomountServiceAccountToken != nil {
		t.Errorf("another account was changed: %v, %v", own.AutomountServiceAccountToken, err)
	}
}
