package standalone

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
)

// The annotation by which the simulator knows its nodes.
const (
	fakeNodeAnnotation = "kwok.x-k8s.io/node"
	fakeNodeValue      = "fake"
)

// simulatedLabel marks simulated nodes for people.
const simulatedLabel = "roadbed.dev/simulated"

func nodeName(index int) string { return fmt.Sprintf("simulated-%d", index) }

// simulatedNode is a node without a machine: large, and in one of three zones.
func simulatedNode(index int) *corev1.Node {
	name := nodeName(index)
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             resource.MustParse("500"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{fakeNodeAnnotation: fakeNodeValue},
			Labels: map[string]string{
				corev1.LabelHostname:               name,
				corev1.LabelOSStable:               "linux",
				corev1.LabelArchStable:             "amd64",
				corev1.LabelTopologyRegion:         "local",
				corev1.LabelTopologyZone:           fmt.Sprintf("local-%c", 'a'+index%3),
				simulatedLabel:                     "true",
				"node.kubernetes.io/instance-type": "simulated",
			},
		},
		Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
	}
}

// simulatorRole is what playing a kubelet takes: reading pods and nodes,
// reporting on them, and ending pods that are being deleted.
func simulatorRole() *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: SimulatorUser},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch", "patch", "update", "delete"}},
			{APIGroups: []string{""}, Resources: []string{"nodes/status", "pods/status"}, Verbs: []string{"patch", "update"}},
			{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create", "patch", "update"}},
			{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"create", "get", "list", "watch", "patch", "update"}},
		},
	}
}

func simulatorBinding() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: SimulatorUser},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: SimulatorUser},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: SimulatorUser}},
	}
}

// createNodes makes the simulator's role and the nodes that are not there yet.
// Nodes beyond count stay: people may have made their own.
func createNodes(ctx context.Context, client kubernetes.Interface, count int) error {
	role, binding := simulatorRole(), simulatorBinding()
	if _, err := client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); !created(err) {
		return fmt.Errorf("create cluster role %q: %w", role.Name, err)
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); !created(err) {
		return fmt.Errorf("create cluster role binding %q: %w", binding.Name, err)
	}
	for index := range count {
		node := simulatedNode(index)
		if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); !created(err) {
			return fmt.Errorf("create simulated node %q: %w", node.Name, err)
		}
	}
	return nil
}

// created says whether an object is there after a create.
func created(err error) bool { return err == nil || apierrors.IsAlreadyExists(err) }

// errNodeNotReady means that nobody looks after a simulated node.
var errNodeNotReady = errors.New("is not ready")

// nodesReady returns an error that names the first simulated node that is not
// ready.
func nodesReady(ctx context.Context, client kubernetes.Interface, count int) error {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: simulatedLabel + "=true"})
	if err != nil {
		return fmt.Errorf("list simulated nodes: %w", err)
	}
	ready := map[string]bool{}
	for _, node := range list.Items {
		ready[node.Name] = isReady(node)
	}
	for index := range count {
		if name := nodeName(index); !ready[name] {
			return fmt.Errorf("simulated node %q %w", name, errNodeNotReady)
		}
	}
	return nil
}

func isReady(node corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// awaitServiceAccounts returns when the controllers give namespaces their
// default service account: before that no pod can be made.
func awaitServiceAccounts(ctx context.Context, client kubernetes.Interface, clk clock.Clock) error {
	for {
		_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the default service account was not there yet: %w", err)
		case <-clk.After(2 * probeEvery):
		}
	}
}
