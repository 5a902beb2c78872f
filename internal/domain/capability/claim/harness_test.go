package claim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/approval"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const patience = time.Minute

// syncs is how long a controller waits for what it watches; else it is two minutes.
const syncs = 20 * time.Second

// platform is the claims' controllers at work on an API server of their own,
// acting with Roadbed's rights for claims and no others.
type platform struct {
	env        *kubetest.Env
	admin      client.Client
	factories  map[v1alpha1.ProvisionerType]claim.Factory
	supervisor *claim.Supervisor
	trail      *controllertest.Trail
	fuses      *fuses                // nil where nobody dies
	wrap       transport.WrapperFunc // of what the controllers ask; nil for nothing
	stop       func() error
}

// start starts the controllers, with wraps around what they ask.
func start(t *testing.T, factories map[v1alpha1.ProvisionerType]claim.Factory, wraps ...transport.WrapperFunc) *platform {
	t.Helper()
	env := kubetest.Private(t)
	env.InstallCRDs(t)
	p := &platform{env: env, admin: env.Client, factories: factories, wrap: transport.Wrappers(wraps...), trail: &controllertest.Trail{}}
	acting := rest.CopyConfig(env.Admin)
	acting.QPS, acting.Impersonate = -1, rest.ImpersonationConfig{UserName: identity.Roadbed, Groups: []string{"system:masters"}}
	installer, err := client.New(acting, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	p.create(t, installer, account.Objects()...)
	p.create(t, installer, rights(t)...)
	p.create(t, installer, account.Guards()...)
	p.create(t, installer, approval.Guards()...)
	p.run(t)
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("the controllers ended with: %v", err)
		}
	})
	return p
}

// rights are what Roadbed has from other roles, and what tenants' people have.
func rights(t *testing.T) []client.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := rbacv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects, err := apply.Decode(scheme, `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "test:events"}
rules:
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "test:events"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "test:events"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:serviceaccount:roadbed-system:roadbed"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "test:developer"}
rules:
- {apiGroups: [claims.roadbed.dev], resources: ["*"], verbs: [get, list, watch, create, update, patch, delete]}
- {apiGroups: [""], resources: [configmaps, services, secrets, pods, serviceaccounts, serviceaccounts/token], verbs: [get, list, watch, create, update, patch, delete]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: [get, list, watch, create, update, patch, delete]}
- {apiGroups: [capability.roadbed.dev], resources: [claimapprovals], verbs: [get, list, watch, create, update, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "test:catalogue"}
rules:
- {apiGroups: [capability.roadbed.dev], resources: [capabilities, capabilityrevisions], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [namespaces], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "test:catalogue"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "test:catalogue"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]
`)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func (p *platform) create(t *testing.T, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := c.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

// run starts the controllers.
func (p *platform) run(t *testing.T) {
	t.Helper()
	acting := rest.CopyConfig(p.env.As(t, identity.Roadbed, identity.RoadbedGroups()...))
	acting.Wrap(p.wrap)
	host := controllertest.Host(t, p.env, acting, p.trail, func(o *manager.Options) { o.Controller.CacheSyncTimeout = syncs })
	p.trail.Refuse(func(r trail.Record) bool { return r.Object.Name == "unrecorded" })
	var err error
	if p.supervisor, err = claim.Setup(host, claim.Deps{Factories: p.factories}); err != nil {
		t.Fatal(err)
	}
	p.stop = controllertest.Run(t, host)
}

// deeds are the actions in a namespace, in order, each with the name of what
// was acted on.
func (p *platform) deeds(namespace string) []string {
	var deeds []string
	for _, r := range p.trail.Of(func(r trail.Record) bool { return r.Object.Namespace == namespace }) {
		deeds = append(deeds, r.Action+" "+r.Object.Name)
	}
	return deeds
}

// tenant makes a tenant's namespace and a developer of it.
func (p *platform) tenant(t *testing.T, name, tier, class string) (namespace string, developer client.Client) {
	t.Helper()
	namespace = "tenant-" + name
	p.create(t, p.admin,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{
			tenancyv1alpha1.LabelTenant: name, tenancyv1alpha1.LabelTier: tier, tenancyv1alpha1.LabelBusinessUnit: "retail", tenancyv1alpha1.LabelDataClass: class,
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "developers", Namespace: namespace},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "test:developer"},
			Subjects: []rbacv1.Subject{
				{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name + ":developers"},
				{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "approvers"},
			},
		})
	return namespace, p.env.ClientAs(t, name+"-dev", name+":developers")
}

// publish makes a capability, and its kind as the capability's own controller
// would.
func (p *platform) publish(t *testing.T, source string) *v1alpha1.Capability {
	t.Helper()
	c := &v1alpha1.Capability{}
	if err := yaml.UnmarshalStrict([]byte(source), c); err != nil {
		t.Fatal(err)
	}
	if err := p.admin.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: c.Spec.Names.Plural + ".claims.roadbed.dev", Labels: map[string]string{v1alpha1.LabelCapability: c.Name}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "claims.roadbed.dev", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: c.Spec.Names.Kind, ListKind: c.Spec.Names.Kind + "List", Plural: c.Spec.Names.Plural, Singular: strings.ToLower(c.Spec.Names.Kind),
			},
		},
	}
	for _, v := range c.Spec.Versions {
		loose := apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}
		crd.Spec.Versions = append(crd.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: v.Name, Served: true, Storage: v.Storage,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
				Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": loose, "status": loose},
			}},
			Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
		})
	}
	p.create(t, p.admin, crd)
	return c
}

// wish is a claim.
func wish(namespace, kind, name, spec string) *unstructured.Unstructured {
	made := &unstructured.Unstructured{}
	text := fmt.Sprintf("{\"apiVersion\":\"claims.roadbed.dev/v1\",\"kind\":%q,\"metadata\":{\"name\":%q,\"namespace\":%q},\"spec\":%s}", kind, name, namespace, spec)
	if err := made.UnmarshalJSON([]byte(text)); err != nil {
		panic(err)
	}
	return made
}

// claimed makes a claim as soon as its kind is served.
func claimed(t *testing.T, c client.Client, made *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	kubetest.Eventually(t, patience, "the claim is made", func() error { return c.Create(t.Context(), made) })
	return made
}

// conditioned waits until a condition has a reason and a message with the words.
func conditioned(t *testing.T, c client.Client, object *unstructured.Unstructured, kind, reason, words string) {
	t.Helper()
	kubetest.Eventually(t, patience, fmt.Sprintf("%s is %s", kind, reason), func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		found := condition.Get((&claim.Claim{Unstructured: object}).GetConditions(), kind)
		if found == nil || found.Reason != reason || !strings.Contains(found.Message, words) || found.ObservedGeneration != object.GetGeneration() {
			return fmt.Errorf("generation %d, status %v", object.GetGeneration(), object.Object["status"])
		}
		return nil
	})
}

func ready(t *testing.T, c client.Client, object *unstructured.Unstructured) {
	t.Helper()
	conditioned(t, c, object, condition.Ready, condition.ReasonReady, "")
}

const boxes = `
metadata: {name: box}
spec:
  description: a box to put things into, for tests
  layer: data
  owner: {team: boxes}
  names: {kind: Box, plural: boxes}
  price: {amount: "1.50", currency: EUR, factor: "self.spec.size"}
  versions:
  - name: v1
    stage: ga
    storage: true
    schema: {spec: {type: object, properties: {size: {type: integer}, extra: {type: boolean}}}}
    connection: {secretKeys: [host]}
    provisioner:
      type: Template
      permissions: [{apiGroups: [""], resources: [configmaps, services]}]
      template:
        endpoint: "resources.settings.data.host"
        connection: {host: "resources.settings.data.host"}
        resources:
        - id: settings
          manifest: {apiVersion: v1, kind: ConfigMap, data: {size: "${string(spec.size)}", host: "${claim.metadata.name}.${tenant.name}"}}
        - id: service
          manifest: {apiVersion: v1, kind: Service, spec: {type: ExternalName, externalName: "${resources.settings.data.host}"}}
        - id: extra
          includeWhen: ["has(spec.extra) && spec.extra"]
          manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${claim.metadata.name}-extra"}}
`
