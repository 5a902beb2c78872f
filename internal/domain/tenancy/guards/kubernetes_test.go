package guards_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// testKubernetesIsNotLockedOut shows that Kubernetes' own parts do their work
// with every guard on. The steps follow one tenant from its first pod to its end.
func testKubernetesIsNotLockedOut(t *testing.T, p *plane) {
	s := stage(t, p, "kubernetes")
	web := workloads(s.mine)[0].object.(*appsv1.Deployment)
	steps := []struct {
		name string
		run  func(*testing.T)
	}{
		{"deploys", func(t *testing.T) { s.deploys(t, web) }},
		{"charges the quota", s.chargesTheQuota},
		{"serves endpoints", s.servesEndpoints},
		{"collects garbage", func(t *testing.T) { s.collectsGarbage(t, web) }},
		{"type-checks policies", s.typeChecksPolicies},
		{"survives a restart", s.survivesARestart},
		{"ends a namespace", s.endsANamespace},
	}
	for _, step := range steps {
		if !t.Run(step.name, step.run) {
			return // what follows rests on it
		}
	}
}

// deploys needs the service account controller, the deployment and replica set
// controllers, the scheduler and the (simulated) kubelet.
func (s *scene) deploys(t *testing.T, web *appsv1.Deployment) {
	web.Spec.Replicas = new(int32)
	*web.Spec.Replicas = 2
	create(t, s.personas[0].client, web)
	eventually(t, "a tenant's deployment runs", func() error {
		if err := s.admin.Get(t.Context(), client.ObjectKeyFromObject(web), web); err != nil {
			return err
		}
		if web.Status.ReadyReplicas != 2 {
			return fmt.Errorf("%d of 2 pods are ready", web.Status.ReadyReplicas)
		}
		return nil
	})
}

// chargesTheQuota needs the API server and the quota controller, which write
// the status of an object that Roadbed owns.
func (s *scene) chargesTheQuota(t *testing.T) {
	eventually(t, "the quota counts the pods", func() error {
		var quotas corev1.ResourceQuotaList
		if err := s.admin.List(t.Context(), &quotas, client.InNamespace(s.mine)); err != nil {
			return err
		}
		used := quotas.Items[0].Status.Used[corev1.ResourcePods]
		if used.Value() != 2 {
			return fmt.Errorf("%s pods are counted, want 2", used.String())
		}
		return nil
	})
}

// servesEndpoints needs the endpoint slice controller.
func (s *scene) servesEndpoints(t *testing.T) {
	web := service(s.mine, func(spec *corev1.ServiceSpec) { spec.Selector = map[string]string{"app": "paved"} })
	create(t, s.personas[0].client, web)
	eventually(t, "the service has endpoints", func() error {
		var endpoints corev1.Endpoints //nolint:staticcheck // both controllers write; the older one is the simpler to read
		if err := s.admin.Get(t.Context(), client.ObjectKeyFromObject(web), &endpoints); err != nil {
			return err
		}
		if len(endpoints.Subsets) == 0 {
			return errors.New("no endpoints")
		}
		return nil
	})
}

// collectsGarbage needs the garbage collector, also to end a foreground
// deletion of what Roadbed owns.
func (s *scene) collectsGarbage(t *testing.T, web *appsv1.Deployment) {
	foreground := client.PropagationPolicy(metav1.DeletePropagationForeground)
	if err := s.personas[0].client.Delete(t.Context(), web, foreground); err != nil {
		t.Fatal(err)
	}
	declared := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: tenancy.PolicyDeclared}}
	if err := s.roadbed.Delete(t.Context(), declared, foreground); err != nil {
		t.Fatal(err)
	}
	for _, object := range []client.Object{web, declared} {
		eventually(t, fmt.Sprintf("%T is collected", object), func() error { return s.gone(t, object) })
	}
	eventually(t, "the pods are collected", func() error {
		var pods corev1.PodList
		if err := s.admin.List(t.Context(), &pods, client.InNamespace(s.mine)); err != nil {
			return err
		}
		if len(pods.Items) > 0 {
			return fmt.Errorf("%d pods are left", len(pods.Items))
		}
		return nil
	})
}

// typeChecksPolicies needs the controller that writes the status of guards, and
// wants it to find no fault.
func (s *scene) typeChecksPolicies(t *testing.T) {
	eventually(t, "Kubernetes has checked the types in the guards", func() error {
		var policies admissionregistrationv1.ValidatingAdmissionPolicyList
		if err := s.admin.List(t.Context(), &policies); err != nil {
			return err
		}
		for _, policy := range policies.Items {
			if policy.Status.TypeChecking == nil {
				return fmt.Errorf("%s is not checked yet", policy.Name)
			}
			for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
				t.Errorf("%s: %s: %s", policy.Name, warning.FieldRef, warning.Warning)
			}
		}
		return nil
	})
}

// survivesARestart kills the API server, which must come up with the guards on
// and go on working.
func (s *scene) survivesARestart(t *testing.T) {
	before := s.plane.apiServer(t)
	process, err := os.FindProcess(before.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the API server is back", func() error {
		if now := s.plane.apiServer(t); !now.Ready || now.PID == before.PID {
			return fmt.Errorf("process %d, ready %t", now.PID, now.Ready)
		}
		return s.admin.Create(t.Context(), pod(s.mine), client.DryRunAll)
	})
	for _, o := range beforeIsolation() {
		judge(t, o, s.personas[0].client, s)
	}
	judge(t, byClusterAdmins()[0], s.admin, s)
}

func (p *plane) apiServer(t *testing.T) standalone.ChildStatus {
	t.Helper()
	for _, child := range p.Plane.Status().Children {
		if child.Name == "kube-apiserver" {
			return child
		}
	}
	t.Fatal("the plane has no kube-apiserver")
	return standalone.ChildStatus{}
}

// endsANamespace needs the namespace controller to empty and finalize a
// namespace full of what Roadbed owns.
func (s *scene) endsANamespace(t *testing.T) {
	create(t, s.personas[0].client, pod(s.mine, func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = &one }))
	namespace := namespaceNamed(s.mine)
	if err := s.roadbed.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, time.Minute, "the namespace is gone", func() error { return s.gone(t, namespace) })
}

func (s *scene) gone(t *testing.T, object client.Object) error {
	err := s.admin.Get(t.Context(), client.ObjectKeyFromObject(object), object)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	return errors.New("it is still there")
}
