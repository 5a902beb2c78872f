package app

import (
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app/gates"
	"github.com/roadbed-dev/roadbed/internal/app/gateways/leases"
	"github.com/roadbed-dev/roadbed/internal/app/kinds"
	"github.com/roadbed-dev/roadbed/internal/app/reports"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// InstalledServer is the server as an installation and its own work leave it in
// a cluster: Deployment, Service, certificate, settings and lease; neither its
// volume nor its webhooks.
func InstalledServer() []client.Object {
	own := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: name}
	}
	objects := slices.DeleteFunc(workload(everything()), func(obj client.Object) bool {
		_, volume := obj.(*corev1.PersistentVolumeClaim)
		return volume
	})
	objects = append(objects, platformObjects(everything())...)
	return append(objects,
		&corev1.ConfigMap{ObjectMeta: own(leases.ConfigMap)},
		&corev1.Secret{ObjectMeta: own(webhookSecret)},
		&corev1.Secret{ObjectMeta: own(reports.Secret)},
		&corev1.ConfigMap{ObjectMeta: own(settingsMap)},
		&coordinationv1.Lease{ObjectMeta: own(leaderLease)},
	)
}

// everything is an installation of all there is.
func everything() InstallOptions {
	opts := InstallOptions{DatabaseSecret: "any", PullSecrets: []string{"any"}, GatewayReplicas: 1, FeatureGates: map[string]bool{}}
	for _, gate := range gates.All() {
		opts.FeatureGates[gate.Name] = true
	}
	return opts.withDefaults()
}

// InstalledRights are the identity and the rights that an installation makes,
// with the namespace that they are in.
func InstalledRights() []client.Object {
	var objects []client.Object
	for _, part := range parts(everything()) {
		if part.name == "rbac" {
			objects = append(objects, part.objects...)
		}
	}
	return objects
}

// OwnKinds are the definitions of Roadbed's own kinds.
func OwnKinds() ([]*unstructured.Unstructured, error) {
	text, err := kinds.Text()
	if err != nil {
		return nil, err
	}
	definitions, err := kinds.Documents(text)
	return slices.DeleteFunc(definitions, func(d *unstructured.Unstructured) bool {
		return !strings.HasSuffix(d.GetName(), ".roadbed.dev")
	}), err
}
