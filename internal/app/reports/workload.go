package reports

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Names in a cluster.
const (
	// Secret keeps the certificate that all copies share.
	Secret = "roadbed-reports-cert"
	// account is whom the copies act as: nobody who may change what is enforced.
	account = reportapi.ServiceName
	rights  = "roadbed:reports-server"
)

// The ports of a copy.
const (
	apiPort    = 8443
	healthPort = 8081
)

// DatabaseFile is where a Secret with the key "url" is found in a pod.
const DatabaseFile = databaseDir + "/url"

const databaseDir = "/etc/roadbed/database"

// Workload is what serves reports in a cluster: copies of a Deployment that a
// disruption leaves one of, with an account and rights of their own. Database
// names a Secret with the URL of a PostgreSQL.
func Workload(image, database string) []client.Object {
	labels := map[string]string{"app.kubernetes.io/name": reportapi.ServiceName}
	meta := metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: reportapi.ServiceName, Labels: labels}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	return append(identified(meta),
		&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, Selector: labels,
			Ports: []corev1.ServicePort{{Name: "api", Port: 443, TargetPort: intstr.FromString("api")}},
		}},
		&policyv1.PodDisruptionBudget{ObjectMeta: meta, Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: selector, MinAvailable: new(intstr.FromInt32(1)),
		}},
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: selector,
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec(image, database, selector)},
		}},
	)
}

// Database mounts the Secret with the database's URL into a pod.
func Database(secret string) (corev1.Volume, corev1.VolumeMount) {
	return corev1.Volume{Name: "database", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}},
		corev1.VolumeMount{Name: "database", MountPath: databaseDir, ReadOnly: true}
}

// identified are the account of the copies and its rights.
func identified(meta metav1.ObjectMeta) []client.Object {
	own := metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: rights}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: identity.SystemNamespace, Name: account}}
	role := func(kind, name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	return []client.Object{
		&corev1.ServiceAccount{ObjectMeta: meta},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: rights}, RoleRef: role("ClusterRole", "roadbed:reports"), Subjects: subjects},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: rights},
			RoleRef:    role("Role", "extension-apiserver-authentication-reader"), Subjects: subjects,
		},
		&rbacv1.Role{ObjectMeta: own, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}},
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{Secret}, Verbs: []string{"get", "update"}},
		}},
		&rbacv1.RoleBinding{ObjectMeta: own, RoleRef: role("Role", rights), Subjects: subjects},
	}
}

func podSpec(image, database string, selector *metav1.LabelSelector) corev1.PodSpec {
	volume, mount := Database(database)
	return corev1.PodSpec{
		ServiceAccountName: account,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(int64(65532)), FSGroup: new(int64(65532)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: selector,
		}},
		Volumes: []corev1.Volume{volume},
		Containers: []corev1.Container{{
			Name: reportapi.ServiceName, Image: image,
			Args: []string{
				"report-server", "--database=@" + DatabaseFile,
				"--addr=:" + strconv.Itoa(apiPort), "--health-addr=:" + strconv.Itoa(healthPort),
			},
			Ports:          []corev1.ContainerPort{{Name: "api", ContainerPort: apiPort}, {Name: "health", ContainerPort: healthPort}},
			LivenessProbe:  probe("/healthz"),
			ReadinessProbe: probe("/readyz"),
			VolumeMounts:   []corev1.VolumeMount{mount},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
			},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}

func probe(path string) *corev1.Probe {
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
		HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("health")},
	}}
}
