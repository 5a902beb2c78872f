package guards_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

func testTenantsAreIsolated(t *testing.T, p *plane) {
	t.Parallel()
	s := stage(t, p, "isolation")
	offences := slices.Concat(acrossTenants(), onPlatformObjects(), onTheCluster(), onTheHost(), aroundTheScheduler(), onOwnAccess(), roundabout())
	for _, who := range s.personas {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range offences {
				t.Run(o.name, func(t *testing.T) { judge(t, o, who.client, s) })
			}
		})
	}
}

// judge demands that the offence is refused by what should refuse it, and that
// its control goes through.
func judge(t *testing.T, o offence, c client.Client, s *scene) {
	t.Helper()
	err := o.do(t.Context(), c, s)
	switch {
	case err == nil:
		t.Errorf("went through; want it refused by %s", o.guard)
	case !apierrors.IsForbidden(err):
		t.Errorf("refused with %v; want Forbidden by %s", err, o.guard)
	case !strings.Contains(err.Error(), fingerprint(o.guard)):
		t.Errorf("refused with %v; want it refused by %s", err, o.guard)
	}
	if o.control == nil {
		return
	}
	if err := o.control(t.Context(), c, s); err != nil {
		t.Errorf("the lawful deed was refused: %v", err)
	}
}

func acrossTenants() []offence {
	readPods := func(namespace func(*scene) string) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			return c.List(ctx, &corev1.PodList{}, client.InNamespace(namespace(s)))
		}
	}
	readSecrets := func(namespace func(*scene) string) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			return c.List(ctx, &corev1.SecretList{}, client.InNamespace(namespace(s)))
		}
	}
	readNamespace := func(namespace func(*scene) string) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			return c.Get(ctx, client.ObjectKey{Name: namespace(s)}, &corev1.Namespace{})
		}
	}
	writeSettings := func(namespace func(*scene) string) deed {
		return creates(func(s *scene) client.Object {
			return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace(s), Name: "settings"}}
		})
	}
	mine, other := func(s *scene) string { return s.mine }, func(s *scene) string { return s.other }
	everywhere := func(*scene) string { return "" }
	return []offence{
		{"read a neighbour's pods", byRBAC, readPods(other), readPods(mine)},
		{"read everybody's pods", byRBAC, readPods(everywhere), readPods(mine)},
		{"read a neighbour's Secrets", byRBAC, readSecrets(other), readSecrets(mine)},
		{"read a neighbour's Namespace", byRBAC, readNamespace(other), readNamespace(mine)},
		{"write into a neighbour's namespace", byRBAC, writeSettings(other), writeSettings(mine)},
		{"write into Kubernetes' namespace", byRBAC, writeSettings(func(*scene) string { return "kube-system" }), writeSettings(mine)},
	}
}

func onPlatformObjects() []offence {
	quotaOf := func(s *scene) client.Object {
		return &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: s.mine + "-quota"}}
	}
	limits := func(s *scene) client.Object {
		return &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: s.mine + "-limits"}}
	}
	deny := func(s *scene) client.Object {
		return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: tenancy.PolicyDefaultDeny}}
	}
	admins := func(s *scene) client.Object { return bind(s.mine, "roadbed:admins", tenancy.RoleTenantAdmin) }
	deployer := func(s *scene) client.Object {
		return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "deployer"}}
	}
	marked := func(s *scene) client.Object {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: s.mine, Name: "mine", Labels: map[string]string{"app.kubernetes.io/managed-by": "roadbed"},
		}}
	}
	helm := func(s *scene) client.Object {
		object := marked(s)
		object.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
		return object
	}
	deletes := func(build func(*scene) client.Object) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			return c.Delete(ctx, build(s), client.DryRunAll)
		}
	}
	sweeps := func(ctx context.Context, c client.Client, s *scene) error {
		return c.DeleteAllOf(ctx, &networkingv1.NetworkPolicy{}, client.InNamespace(s.mine), client.DryRunAll)
	}
	forgesUsage := func(ctx context.Context, c client.Client, s *scene) error {
		return c.Status().Patch(ctx, quotaOf(s), mergePatch(`{"status":{"hard":{"pods":"9999"}}}`), client.DryRunAll)
	}
	token := func(ctx context.Context, c client.Client, s *scene) error {
		_, err := requestToken(ctx, c, deployer(s).(*corev1.ServiceAccount))
		return err
	}
	own := creates(func(s *scene) client.Object { return ownPolicy(s.mine) })
	return []offence{
		{"raise the quota", byRBAC, patches(quotaOf, `{"spec":{"hard":{"pods":"9999"}}}`), nil},
		{"forge the quota's usage", byRBAC, forgesUsage, nil},
		{"delete the limits", byRBAC, deletes(limits), nil},
		{"open the default deny", "platform-objects", patches(deny, `{"spec":{"policyTypes":["Ingress"]}}`), own},
		{"unmark the default deny", "platform-objects", patches(deny, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`), own},
		{"delete the default deny", "platform-objects", deletes(deny), own},
		{"delete every network policy", "platform-objects", sweeps, own},
		{"bind more admins than the Tenant lists", "platform-objects", patches(admins, `{"subjects":[]}`), nil},
		{"annotate the deployer", "platform-objects", patches(deployer, `{"metadata":{"annotations":{"a":"b"}}}`), token},
		{"pass an object off as generated", "platform-objects", creates(marked), creates(helm)},
	}
}

func onTheCluster() []offence {
	meta := metav1.ObjectMeta{Name: "guards-offence"}
	role := func(s *scene) client.Object {
		return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "reader"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}},
		}}
	}
	kinds := map[string]client.Object{
		"Namespace":                      &corev1.Namespace{ObjectMeta: meta},
		"ClusterRole":                    &rbacv1.ClusterRole{ObjectMeta: meta},
		"ClusterRoleBinding":             &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}},
		"PersistentVolume":               &corev1.PersistentVolume{ObjectMeta: meta},
		"StorageClass":                   &storagev1.StorageClass{ObjectMeta: meta, Provisioner: "x"},
		"PriorityClass":                  &schedulingv1.PriorityClass{ObjectMeta: meta, Value: 1},
		"ValidatingWebhookConfiguration": &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: meta},
		"MutatingAdmissionPolicy":        &admissionregistrationv1.MutatingAdmissionPolicy{ObjectMeta: meta},
		"Node":                           &corev1.Node{ObjectMeta: meta},
	}
	var offences []offence
	for kind, object := range kinds {
		create := creates(func(*scene) client.Object { return object.DeepCopyObject().(client.Object) })
		offences = append(offences, offence{"create a " + kind, byRBAC, create, creates(role)})
	}
	return offences
}

func onTheHost() []offence {
	container := func(change func(*corev1.SecurityContext)) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{}
			change(p.Spec.Containers[0].SecurityContext)
		}
	}
	port := func(host int32) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: host}}
		}
	}
	volume := func(source corev1.VolumeSource) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: source}} }
	}
	adds := func(capability corev1.Capability) func(*corev1.Pod) {
		return container(func(c *corev1.SecurityContext) {
			c.Capabilities = &corev1.Capabilities{Add: []corev1.Capability{capability}}
		})
	}
	runsAs := func(uid int64) func(*corev1.Pod) {
		return container(func(c *corev1.SecurityContext) { c.RunAsUser = &uid })
	}
	yes, path := true, corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}
	exposes := func(kind corev1.ServiceType) deed {
		return creates(func(s *scene) client.Object {
			return service(s.mine, func(spec *corev1.ServiceSpec) { spec.Type = kind })
		})
	}
	return []offence{
		{"mount the host's files", byPodSecurity, runs(volume(path)), runs(volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}))},
		{"share the host's network", byPodSecurity, runs(func(p *corev1.Pod) { p.Spec.HostNetwork = true }), runs()},
		{"share the host's processes", byPodSecurity, runs(func(p *corev1.Pod) { p.Spec.HostPID = true }), runs()},
		{"share the host's memory", byPodSecurity, runs(func(p *corev1.Pod) { p.Spec.HostIPC = true }), runs()},
		{"listen on the host", byPodSecurity, runs(port(80)), runs(port(0))},
		{"be root", byPodSecurity, runs(runsAs(0)), runs(runsAs(1000))},
		{"gain capabilities", byPodSecurity, runs(adds("NET_ADMIN")), runs(adds("NET_BIND_SERVICE"))},
		{"escalate", byPodSecurity, runs(container(func(c *corev1.SecurityContext) { c.AllowPrivilegeEscalation = &yes })), runs()},
		{"be privileged", byPodSecurity, runs(container(func(c *corev1.SecurityContext) { c.Privileged = &yes })), runs()},
		{"open a node port", byQuota, exposes(corev1.ServiceTypeNodePort), exposes(corev1.ServiceTypeClusterIP)},
	}
}

func aroundTheScheduler() []offence {
	image := func(name string) deed { return runs(func(p *corev1.Pod) { p.Spec.Containers[0].Image = name }) }
	initImage := func(name string) deed {
		return runs(func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: name}} })
	}
	serves := func(change func(*corev1.ServiceSpec)) deed {
		return creates(func(s *scene) client.Object { return service(s.mine, change) })
	}
	alias := func(name string) deed {
		return serves(func(spec *corev1.ServiceSpec) { spec.Type, spec.ExternalName = corev1.ServiceTypeExternalName, name })
	}
	claims := func(class string, changes ...func(*corev1.PersistentVolumeClaim)) deed {
		return creates(func(s *scene) client.Object { return claim(s.mine, class, changes...) })
	}
	none := func(c *corev1.PersistentVolumeClaim) { c.Spec.StorageClassName = nil }
	legacy := func(c *corev1.PersistentVolumeClaim) {
		c.Annotations = map[string]string{corev1.BetaStorageClassAnnotation: "foreign"}
	}
	ownBalancer := serves(func(spec *corev1.ServiceSpec) { spec.ExternalIPs = []string{"203.0.113.7"} })
	return []offence{
		{
			"choose a node", "pod-placement", runs(func(p *corev1.Pod) { p.Spec.NodeName = "node-0" }),
			runs(func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"zone": "a"} }),
		},
		{"displace the cluster's own pods", "pod-placement", runs(func(p *corev1.Pod) { p.Spec.PriorityClassName = "system-node-critical" }), runs()},
		{"run a foreign image", "registries", image("docker.io/evil:1"), image("registry.example/team/app@sha256:" + strings.Repeat("a", 64))},
		{"run an image of a lookalike", "registries", image("registry.example/shared.evil/app:1"), image("registry.example/shared:1")},
		{"start with a foreign image", "registries", initImage("docker.io/evil:1"), initImage("registry.example/shared/init:1")},
		{"mount a foreign image", "registries", runs(func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "docker.io/evil:1"}}}}
		}), nil},
		{"claim a foreign class", "storage-classes", claims("foreign"), claims("fast")},
		{"claim without a class", "storage-classes", claims("", none), claims("slow")},
		{"claim somebody's left volume", "storage-classes", claims(""), claims("slow")},
		{"claim by the old annotation", "storage-classes", claims("fast", legacy), claims("fast")},
		{"claim more than the quota", byQuota, claims("fast", func(c *corev1.PersistentVolumeClaim) {
			c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("900Ti")
		}), claims("fast")},
		{"catch others' traffic", "services", ownBalancer, serves(func(*corev1.ServiceSpec) {})},
		{"alias a service of the cluster", "services", alias("api.kube-system.svc.cluster.local"), alias("api.example.com")},
		{"alias an address of the cluster", "services", alias("10.96.0.1"), alias("10-96-0-1.example.com")},
		{"alias a name that is completed where it is called", "services", alias("prometheus"), alias("prometheus.example.com")},
	}
}

func onOwnAccess() []offence {
	grants := func(resources ...string) deed {
		return creates(func(s *scene) client.Object {
			rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: resources, Verbs: []string{"create"}}
			return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "granted"}, Rules: []rbacv1.PolicyRule{rule}}
		})
	}
	binds := func(role string) deed {
		return creates(func(s *scene) client.Object {
			return bind(s.mine, "more", role, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "carol"})
		})
	}
	impersonates := creates(func(s *scene) client.Object {
		rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"impersonate"}}
		return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "mask"}, Rules: []rbacv1.PolicyRule{rule}}
	})
	endpoints := creates(func(s *scene) client.Object {
		return &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "deputy"}, AddressType: discoveryv1.AddressTypeIPv4}
	})
	account := func(name string) deed {
		return creates(func(s *scene) client.Object {
			return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, GenerateName: name}}
		})
	}
	return []offence{
		{"grant what one has not", byEscalationRule, grants("resourcequotas"), grants("pods", "secrets")},
		{"grant impersonation", byEscalationRule, impersonates, grants("pods")},
		{"bind cluster-admin", byEscalationRule, binds("cluster-admin"), binds(tenancy.RoleTenantAdmin)},
		{"bind the built-in edit", byEscalationRule, binds("edit"), binds(tenancy.RoleTenantDeveloper)},
		{"lend the platform's ingress", byRBAC, endpoints, binds(tenancy.RoleTenantViewer)},
		{"name an account like the platform's", "platform-accounts", account("roadbed-"), account("robot-")},
	}
}
