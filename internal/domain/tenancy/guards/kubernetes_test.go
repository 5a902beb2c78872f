package guards_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
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
		{"forgets tokens", s.forgetsTokens},
		{"gives kubelets the tokens of their pods", s.givesKubeletsTokens},
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

// servesEndpoints needs the endpoint slice controller, also for a Service of
// Roadbed's, whose mark it copies.
func (s *scene) servesEndpoints(t *testing.T) {
	theirs := service(s.mine, func(spec *corev1.ServiceSpec) { spec.Selector = map[string]string{"app": "paved"} })
	create(t, s.personas[0].client, theirs)
	marked := theirs.DeepCopy()
	marked.ObjectMeta = metav1.ObjectMeta{Namespace: s.mine, Name: "marked", Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}}
	marked.Spec.ClusterIP, marked.Spec.ClusterIPs = "", nil
	create(t, s.installer, marked)
	for _, web := range []*corev1.Service{theirs, marked} {
		eventually(t, "service "+web.Name+" has endpoints", func() error {
			var slices discoveryv1.EndpointSliceList
			of := client.MatchingLabels{discoveryv1.LabelServiceName: web.Name}
			if err := s.admin.List(t.Context(), &slices, client.InNamespace(s.mine), of); err != nil {
				return err
			}
			if len(slices.Items) == 0 || len(slices.Items[0].Endpoints) == 0 {
				return errors.New("no endpoints")
			}
			return nil
		})
	}
}

// forgetsTokens needs the token controller, which takes the name of a deleted
// Secret off a service account that Roadbed owns.
func (s *scene) forgetsTokens(t *testing.T) {
	deployer := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "deployer"}}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "pipeline", Annotations: map[string]string{corev1.ServiceAccountNameKey: deployer.Name}},
		Type:       corev1.SecretTypeServiceAccountToken,
	}
	ann := s.personas[0].client
	create(t, ann, secret)
	if err := s.roadbed.Patch(t.Context(), deployer, mergePatch(`{"secrets":[{"name":"pipeline"}]}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Secret holds a token", func() error {
		if err := ann.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
			return err
		}
		if len(secret.Data[corev1.ServiceAccountTokenKey]) == 0 {
			return errors.New("it is empty")
		}
		return nil
	})
	if err := ann.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the service account forgets the Secret", func() error {
		if err := s.admin.Get(t.Context(), client.ObjectKeyFromObject(deployer), deployer); err != nil {
			return err
		}
		if len(deployer.Secrets) > 0 {
			return fmt.Errorf("it still names %v", deployer.Secrets)
		}
		return nil
	})
}

// givesKubeletsTokens acts as the node that runs a pod of the platform.
func (s *scene) givesKubeletsTokens(t *testing.T) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: agent}}
	create(t, s.roadbed, account)
	runs := pod(s.mine, func(p *corev1.Pod) {
		p.Spec.ServiceAccountName = agent
		p.Spec.TerminationGracePeriodSeconds = &one
	})
	create(t, s.installer, runs)
	eventually(t, "the node gets the pod's token", func() error {
		if err := s.admin.Get(t.Context(), client.ObjectKeyFromObject(runs), runs); err != nil {
			return err
		}
		if runs.Spec.NodeName == "" {
			return errors.New("the pod has no node")
		}
		kubelet := s.plane.as(t, "system:node:"+runs.Spec.NodeName, "system:nodes")
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: runs.Name, UID: runs.UID},
		}}
		return kubelet.SubResource("token").Create(t.Context(), account, request)
	})
	if err := s.installer.Delete(t.Context(), runs); err != nil {
		t.Fatal(err)
	}
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
