package gateways

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app/gateways/leases"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

const (
	// LeasesPort is where the server that leads is asked for slices of budgets.
	LeasesPort = 9444
	// RedisFile is where a Secret with the key "url" is found in a pod.
	RedisFile = redisDir + "/url"

	redisDir    = "/etc/roadbed/redis"
	healthPort  = 8081
	metricsPort = 9090
	// httpPort and httpsPort are what 80 and 443 become without privileges.
	httpPort  = 8080
	httpsPort = 8443
	// leaveFirst is how long a pod that ends goes on taking requests, until nobody
	// sends any; drained is how long it then has.
	leaveFirst, drained = 5, 50
)

// Shape says how processes that only serve run in a cluster.
type Shape struct {
	// Image is what they run.
	Image string
	// Replicas is how many there are. None are rendered for 0.
	Replicas int32
	// RedisSecret names a Secret in the system namespace whose key "url" is that of
	// a Redis that budgets are shared by. Optional.
	RedisSecret string
	// Public is what the statuses of Gateways say. Default Host.
	Public string
}

// Host is the name by which the processes are reached in a cluster.
const Host = leases.Account + "." + identity.SystemNamespace + ".svc"

// Workload are the processes that only serve: a Deployment, a Service of type
// LoadBalancer for ports 80 and 443, and what keeps a disruption from taking more
// than one of them. Their account and rights come with the gateway's.
func Workload(shape Shape) []client.Object {
	if shape.Replicas == 0 {
		return nil
	}
	labels := map[string]string{"app.kubernetes.io/name": leases.Account}
	meta := metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: leases.Account, Labels: labels}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	spec := podSpec(shape, selector)
	Redis(&spec, shape.RedisSecret)
	return []client.Object{
		&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, Selector: labels,
			// Callers without an identity are told apart by their addresses.
			ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal,
			Ports: []corev1.ServicePort{
				{Name: "http", Port: 80, TargetPort: intstr.FromInt32(httpPort)},
				{Name: "https", Port: 443, TargetPort: intstr.FromInt32(httpsPort)},
			},
		}},
		&policyv1.PodDisruptionBudget{ObjectMeta: meta, Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: selector, MaxUnavailable: new(intstr.FromInt32(1)),
		}},
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Replicas: new(shape.Replicas), Selector: selector,
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
				MaxUnavailable: new(intstr.FromInt32(0)), MaxSurge: new(intstr.FromInt32(1)),
			}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		}},
	}
}

// public is what the statuses of Gateways say.
func (s Shape) public() string {
	if s.Public == "" {
		return Host
	}
	return s.Public
}

// ServerArgs are those of the server beside which the processes run: it leads, and
// serves nobody itself.
func ServerArgs(shape Shape) []string {
	args := []string{"--gateway-leases-address=$(POD_IP)", "--gateway-leases-port=" + strconv.Itoa(LeasesPort)}
	if shape.Replicas > 0 {
		args = append(args, "--gateway-public-address="+shape.public())
	}
	return args
}

// PodIP tells a container its address, for ServerArgs.
func PodIP() corev1.EnvVar {
	return corev1.EnvVar{Name: "POD_IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}}
}

// Redis mounts the Secret with the URL of a Redis, and tells the first container of
// it. An empty name changes nothing.
func Redis(spec *corev1.PodSpec, secret string) {
	if secret == "" {
		return
	}
	spec.Volumes = append(spec.Volumes, corev1.Volume{Name: "redis", VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: secret},
	}})
	first := &spec.Containers[0]
	first.VolumeMounts = append(first.VolumeMounts, corev1.VolumeMount{Name: "redis", MountPath: redisDir, ReadOnly: true})
	first.Args = append(first.Args, "--rate-limit-redis-url=@"+RedisFile)
}

func podSpec(shape Shape, selector *metav1.LabelSelector) corev1.PodSpec {
	return corev1.PodSpec{
		ServiceAccountName:            leases.Account,
		TerminationGracePeriodSeconds: new(int64(leaveFirst + drained)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(int64(65532)), FSGroup: new(int64(65532)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: selector,
		}},
		Containers: []corev1.Container{{
			Name: leases.Account, Image: shape.Image,
			Args: []string{
				"gateway", "run", "--address=$(POD_IP)", "--public-address=" + shape.public(), "--access-log=-",
				"--health-addr=:" + strconv.Itoa(healthPort), "--metrics-addr=:" + strconv.Itoa(metricsPort),
			},
			Env: []corev1.EnvVar{PodIP()},
			Ports: []corev1.ContainerPort{
				{Name: "http", ContainerPort: httpPort},
				{Name: "https", ContainerPort: httpsPort},
				{Name: "health", ContainerPort: healthPort},
				{Name: "metrics", ContainerPort: metricsPort},
			},
			LivenessProbe: probe("/healthz"), ReadinessProbe: probe("/readyz"),
			Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: leaveFirst}}},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
			},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}

func probe(path string) *corev1.Probe {
	return &corev1.Probe{PeriodSeconds: 3, ProbeHandler: corev1.ProbeHandler{
		HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("health")},
	}}
}
