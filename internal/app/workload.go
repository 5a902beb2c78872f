package app

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gates"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/app/reports"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// The ports of the server in a cluster.
const (
	healthPort  = 8081
	metricsPort = 8080
	webhookPort = 9443
)

// ServerName is the name of the server's Deployment, volume claim and account.
const ServerName = "roadbed"

const dataDir = "/var/lib/roadbed"

// workload is the server in the cluster: a claim for its trail and exports, a
// Deployment and the Service of its webhooks. The trail and the exports are
// files, so one copy runs at a time until the audit domain keeps them.
func workload(opts InstallOptions) []client.Object {
	labels := map[string]string{"app.kubernetes.io/name": ServerName}
	meta := metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: ServerName, Labels: labels}
	hook := meta
	hook.Name = webhookService
	objects := []client.Object{
		&corev1.PersistentVolumeClaim{ObjectMeta: meta, Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			},
		}},
		&corev1.Service{ObjectMeta: hook, Spec: corev1.ServiceSpec{
			Selector: labels,
			Ports:    []corev1.ServicePort{{Name: "webhook", Port: 443, TargetPort: intstr.FromString("webhook")}},
		}},
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)),
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec(opts)},
		}},
	}
	if opts.FeatureGates[gateways.Gate] {
		objects = append(objects, gateways.Workload(shapeOf(opts))...)
	}
	if opts.DatabaseSecret != "" && !opts.NoReportsAPI {
		objects = append(objects, reports.Workload(imageOf(opts), opts.DatabaseSecret)...)
	}
	return objects
}

// shapeOf says how processes that only serve run.
func shapeOf(opts InstallOptions) gateways.Shape {
	return gateways.Shape{Image: imageOf(opts), Replicas: opts.GatewayReplicas, RedisSecret: opts.RedisSecret, Public: opts.GatewayPublic}
}

func podSpec(opts InstallOptions) corev1.PodSpec {
	spec := serverSpec(opts)
	if opts.FeatureGates[gateways.Gate] {
		server := &spec.Containers[0]
		server.Args = append(server.Args, gateways.ServerArgs(shapeOf(opts))...)
		server.Env = append(server.Env, gateways.PodIP())
		server.Ports = append(server.Ports, corev1.ContainerPort{Name: "leases", ContainerPort: gateways.LeasesPort})
		gateways.Redis(&spec, opts.RedisSecret)
	}
	if opts.DatabaseSecret != "" {
		volume, mount := reports.Database(opts.DatabaseSecret)
		server := &spec.Containers[0]
		spec.Volumes, server.VolumeMounts = append(spec.Volumes, volume), append(server.VolumeMounts, mount)
		server.Args = append(server.Args, "--database=@"+reports.DatabaseFile)
	}
	if servesPlatform(opts.FeatureGates) {
		spec.Containers[0].Ports = append(spec.Containers[0].Ports, corev1.ContainerPort{Name: capabilities.PortName, ContainerPort: capabilities.Port})
	}
	return spec
}

func serverSpec(opts InstallOptions) corev1.PodSpec {
	return corev1.PodSpec{
		ServiceAccountName: ServerName,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), FSGroup: new(int64(65532)), RunAsUser: new(int64(65532)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: ServerName},
		}}},
		Containers: []corev1.Container{{
			Name:  ServerName,
			Image: imageOf(opts),
			Args:  serverArgs(opts),
			Ports: []corev1.ContainerPort{
				{Name: "health", ContainerPort: healthPort},
				{Name: "metrics", ContainerPort: metricsPort},
				{Name: "webhook", ContainerPort: webhookPort},
			},
			LivenessProbe:  probe("/healthz"),
			ReadinessProbe: probe("/readyz"),
			VolumeMounts:   []corev1.VolumeMount{{Name: "data", MountPath: dataDir}},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
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

// serverArgs are the command line of "roadbed server" in a pod.
func serverArgs(opts InstallOptions) []string {
	args := []string{
		"server",
		"--data-dir=" + dataDir,
		"--health-addr=:" + strconv.Itoa(healthPort),
		"--metrics-addr=:" + strconv.Itoa(metricsPort),
		"--webhook=" + string(WebhookService),
		"--leader-elect",
	}
	if opts.Enforcement != "" && opts.Enforcement != enforce.EnforceAuto {
		args = append(args, "--policy-enforcement="+string(opts.Enforcement))
	}
	for _, gate := range gates.Others(opts.FeatureGates) {
		args = append(args, "--feature-gates="+gate)
	}
	for _, cidr := range opts.Settings.ClusterCIDRs {
		args = append(args, "--cluster-cidr="+cidr)
	}
	return args
}
