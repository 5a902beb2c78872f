package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	kinds "github.com/roadbed-dev/roadbed/config"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// scene is a control plane with the claims' controllers at work.
type scene struct {
	plane *standalone.Plane
	dir   string
	// roadbed acts as Roadbed with an administrator's rights.
	roadbed client.Client
	cancel  context.CancelFunc
	ended   chan error
}

const boxes = `
metadata: {name: box}
spec:
  description: a box to put things into, for measurements
  layer: data
  owner: {team: boxes}
  names: {kind: Box, plural: boxes}
  versions:
  - name: v1
    stage: ga
    storage: true
    schema: {spec: {type: object, properties: {size: {type: integer}}}}
    connection: {secretKeys: [host]}
    provisioner:
      type: Template
      permissions: [{apiGroups: [""], resources: [configmaps, services]}]
      template:
        connection: {host: "resources.settings.data.host"}
        resources:
        - id: settings
          manifest: {apiVersion: v1, kind: ConfigMap, data: {size: "${string(spec.size)}", host: "${claim.metadata.name}.${tenant.name}"}}
        - id: service
          manifest: {apiVersion: v1, kind: Service, spec: {type: ExternalName, externalName: "${resources.settings.data.host}"}}
`

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
}

// stage starts everything. What it has started is ended by close, also after an
// error.
func (s *scene) stage(ctx context.Context, settings settings) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "roadbed-bench-"); err != nil {
		return err
	}
	if s.plane, err = standalone.Start(ctx, standalone.Config{Binary: settings.kube, DataDir: s.dir, Ephemeral: true}); err != nil {
		return err
	}
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	acting := rest.CopyConfig(s.plane.AdminConfig())
	acting.QPS, acting.Impersonate = -1, rest.ImpersonationConfig{UserName: identity.Roadbed, Groups: []string{"system:masters"}}
	if s.roadbed, err = client.New(acting, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := s.install(ctx, settings); err != nil {
		return err
	}
	return s.control(ctx, scheme)
}

// install makes kinds, rights, guards, tenants and the capability.
func (s *scene) install(ctx context.Context, settings settings) error {
	objects, err := definitions()
	if err != nil {
		return err
	}
	objects = append(objects, account.Objects()...)
	objects = append(objects, events()...)
	objects = append(objects, account.Guards()...)
	objects = append(objects, approval.Guards()...)
	for i := range settings.tenants {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace(i), Labels: map[string]string{
			tenancyv1alpha1.LabelTenant: fmt.Sprintf("t%d", i), tenancyv1alpha1.LabelTier: "tier-2", tenancyv1alpha1.LabelDataClass: "internal",
		}}})
	}
	capability := &v1alpha1.Capability{}
	if err := yaml.UnmarshalStrict([]byte(boxes), capability); err != nil {
		return err
	}
	for _, object := range append(objects, boxKind(), capability) {
		err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
			return s.roadbed.Create(ctx, object) == nil, nil
		})
		if err != nil {
			return fmt.Errorf("create %T %s: %w", object, object.GetName(), err)
		}
	}
	return nil
}

func namespace(tenant int) string { return fmt.Sprintf("tenant-t%d", tenant) }

func definitions() ([]client.Object, error) {
	files, err := fs.Glob(kinds.CRDs, "crds/capability.*.yaml")
	if err != nil {
		return nil, err
	}
	var objects []client.Object
	for _, file := range files {
		text, err := kinds.CRDs.ReadFile(file)
		if err != nil {
			return nil, err
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, definition); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		objects = append(objects, definition)
	}
	return objects, nil
}

// events is the right to send Events, which Roadbed has from another role.
func events() []client.Object {
	name := metav1.ObjectMeta{Name: "bench:events"}
	return []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name.Name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: identity.Roadbed}},
		},
	}
}

// boxKind is the kind of the claims.
func boxKind() *apiextensionsv1.CustomResourceDefinition {
	loose := apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "boxes.claims.roadbed.dev", Labels: map[string]string{v1alpha1.LabelCapability: "box"}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "claims.roadbed.dev", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: "Box", ListKind: "BoxList", Plural: "boxes", Singular: "box"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": loose, "status": loose},
				}},
				Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
			}},
		},
	}
}

// control starts the claims' controllers, as Roadbed and with its rights alone.
func (s *scene) control(ctx context.Context, scheme *runtime.Scheme) error {
	connection, err := s.plane.Access.ClientConfig(identity.Roadbed, identity.RoadbedGroups()...)
	if err != nil {
		return err
	}
	connection.QPS = -1
	mgr, err := ctrl.NewManager(connection, manager.Options{
		Scheme: scheme, Logger: logr.Discard(),
		Cache:   cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		Client:  client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true)}},
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		return err
	}
	host := &module.Host{
		Manager: mgr, Routes: http.NewServeMux(), Trail: unrecorded{}, Clock: clock.RealClock{},
		Liveness: steps.NewLiveness(clock.RealClock{}, steps.SilenceLimit), Log: slog.New(slog.DiscardHandler),
	}
	supervisor, err := claim.Setup(host, claim.Deps{})
	if err != nil {
		return err
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.ended = make(chan error, 1)
	go func() { s.ended <- mgr.Start(ctx) }()
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		var revisions v1alpha1.CapabilityRevisionList
		if err := s.roadbed.List(ctx, &revisions); err != nil || len(revisions.Items) != 1 {
			return false, err
		}
		boxes := &unstructured.UnstructuredList{}
		boxes.SetAPIVersion("claims.roadbed.dev/v1")
		boxes.SetKind("BoxList")
		served := s.roadbed.List(ctx, boxes) == nil // Discovery learns of the kind a moment later.
		return served && len(supervisor.Running()) == 1 && condition.IsTrue(revisions.Items[0].Status.Conditions, claim.ConditionRolledOut), nil
	})
}

// close ends everything that was started.
func (s *scene) close() error {
	var err error
	if s.cancel != nil {
		s.cancel()
		err = <-s.ended
	}
	if s.plane != nil {
		err = errors.Join(err, s.plane.Stop(context.Background()))
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// unrecorded is a trail for a plane that nobody audits.
type unrecorded struct{}

func (unrecorded) Record(context.Context, trail.Record) error { return nil }
