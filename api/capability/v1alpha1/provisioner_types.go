package v1alpha1

import "k8s.io/apimachinery/pkg/runtime"

// ProvisionerType is how what is claimed is made.
// +kubebuilder:validation:Enum=Template;Helm;HTTP;Builtin
type ProvisionerType string

// The types.
const (
	// ProvisionerTemplate applies Kubernetes objects with CEL expressions in them.
	ProvisionerTemplate ProvisionerType = "Template"
	// ProvisionerHelm applies what a Helm chart renders.
	ProvisionerHelm ProvisionerType = "Helm"
	// ProvisionerHTTP asks a service of the capability's team.
	ProvisionerHTTP ProvisionerType = "HTTP"
	// ProvisionerBuiltin is one of Roadbed's own.
	ProvisionerBuiltin ProvisionerType = "Builtin"
)

// Provisioner makes what is claimed. The member that its type names is set, and
// no other.
// +kubebuilder:validation:XValidation:rule="has(self.template) == (self.type == 'Template') && has(self.helm) == (self.type == 'Helm') && has(self.http) == (self.type == 'HTTP') && has(self.builtin) == (self.type == 'Builtin')",message="provisioner: set the member that type names, and no other"
type Provisioner struct {
	// type is how it is made.
	Type ProvisionerType `json:"type"`

	// template is for type Template.
	// +optional
	Template *TemplateProvisioner `json:"template,omitempty"`

	// helm is for type Helm.
	// +optional
	Helm *HelmProvisioner `json:"helm,omitempty"`

	// http is for type HTTP.
	// +optional
	HTTP *HTTPProvisioner `json:"http,omitempty"`

	// builtin is for type Builtin.
	// +optional
	Builtin *BuiltinProvisioner `json:"builtin,omitempty"`

	// permissions are what the capability's service account may do in the
	// namespace of a claim: objects are applied as that account. A Template or
	// Helm provisioner needs them for each kind it applies.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Permissions []Permission `json:"permissions,omitempty"`
}

// Permission lets a service account do something in a namespace.
type Permission struct {
	// apiGroups of the resources; "" is the core group.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!self.exists(g, g == '*')",message="name the groups: * would be more than a capability needs"
	// +listType=set
	APIGroups []string `json:"apiGroups"`

	// resources by their plural names.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=127
	// +kubebuilder:validation:XValidation:rule="!self.exists(r, r == '*')",message="name the resources: * would be more than a capability needs"
	// +listType=set
	Resources []string `json:"resources"`

	// verbs that are allowed; get, list, watch, create, update, patch and delete
	// when empty.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:Enum=get;list;watch;create;update;patch;delete;deletecollection
	// +kubebuilder:validation:items:MaxLength=20
	// +listType=set
	// +optional
	Verbs []string `json:"verbs,omitempty"`
}

// TemplateProvisioner applies Kubernetes objects with CEL expressions in them.
// An expression is written ${...} in a string; a string that is one expression
// and nothing else becomes its value, of whatever type. Expressions see claim
// (the whole object), spec, tenant (name, businessUnit, tier, environment,
// dataClass, namespace), capability, version, revision and resources: the
// objects as the cluster has them, by id.
type TemplateProvisioner struct {
	// resources are the objects.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=id
	Resources []TemplateResource `json:"resources"`

	// connection is what the connection Secret holds: expressions by key. They
	// are written without ${}, and give strings or bytes.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Connection map[string]CELExpression `json:"connection,omitempty"`

	// endpoint is an expression for where the thing is reached.
	// +optional
	Endpoint CELExpression `json:"endpoint,omitempty"`

	// status is what the claim's own status fields say: expressions by field.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Status map[string]CELExpression `json:"status,omitempty"`
}

// CELExpression is a CEL expression.
// +kubebuilder:validation:MaxLength=2048
type CELExpression string

// TemplateResource is one object of a template.
type TemplateResource struct {
	// id names the object among the others.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z][A-Za-z0-9]*$`
	ID string `json:"id"`

	// manifest is the object. It is put into the claim's namespace, and named
	// after the claim when it has no name.
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Manifest runtime.RawExtension `json:"manifest"`

	// dependsOn names the resources that must be ready before. What an
	// expression of this one reads from resources is waited for unasked.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=40
	// +listType=set
	// +optional
	DependsOn []string `json:"dependsOn,omitempty"`

	// forEach is an expression for a list: the manifest is made once for each
	// item, and sees it as each and its place as index. metadata.name must differ
	// then; in resources, the id stands for the list of all of them.
	// +optional
	ForEach CELExpression `json:"forEach,omitempty"`

	// includeWhen must all be true for the object to be made; CEL.
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	// +optional
	IncludeWhen []CELExpression `json:"includeWhen,omitempty"`

	// readyWhen must all be true of self, the object as the cluster has it, for
	// it to be ready; CEL. None means what its kind usually means by ready.
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	// +optional
	ReadyWhen []CELExpression `json:"readyWhen,omitempty"`
}

// HelmProvisioner applies what a Helm chart renders: a release of the claim's
// name, in its namespace, of which the cluster keeps no record. Hooks and
// definitions of kinds are refused, tests are left out, lookup finds nothing.
// +kubebuilder:validation:XValidation:rule="has(self.archive) != has(self.url)",message="helm: give archive or url"
// +kubebuilder:validation:XValidation:rule="!has(self.url) || has(self.digest)",message="helm: a chart by url needs its digest"
type HelmProvisioner struct {
	// archive is the packaged chart itself (.tgz), in base64. It is a string, because
	// the API server's rules cannot read bytes whose base64 has / or + in it.
	// +kubebuilder:validation:MaxLength=700000
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9+/\s]+={0,2}\s*$`
	// +optional
	Archive string `json:"archive,omitempty"`

	// url of the packaged chart (.tgz), or of its repository in a registry, by
	// oci:// and without a tag. Neither is logged in to.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^(https?|oci)://[^\s]+$`
	// +optional
	URL string `json:"url,omitempty"`

	// digest of the packaged chart, or of its manifest in the registry: sha256: and
	// 64 hexadecimal digits.
	// +kubebuilder:validation:MaxLength=71
	// +kubebuilder:validation:Pattern=`^sha256:[0-9a-f]{64}$`
	// +optional
	Digest string `json:"digest,omitempty"`

	// values for the chart, with expressions as in a template.
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Values *runtime.RawExtension `json:"values,omitempty"`

	// connection is what the connection Secret holds: expressions by key, over
	// resources by KIND/NAME.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Connection map[string]CELExpression `json:"connection,omitempty"`

	// endpoint is an expression for where the thing is reached.
	// +optional
	Endpoint CELExpression `json:"endpoint,omitempty"`

	// status is what the claim's own status fields say: expressions by field.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Status map[string]CELExpression `json:"status,omitempty"`
}

// HTTPProvisioner asks a service of the capability's team.
type HTTPProvisioner struct {
	// url that claims are sent to: PUT and DELETE go to URL/UID of the claim.
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s]+$`
	URL string `json:"url"`

	// caBundle verifies the service's certificate, PEM; the system's when empty.
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// timeoutSeconds bounds one request.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60
	// +kubebuilder:default=10
	// +optional
	TimeoutSeconds int32 `json:"timeoutSeconds,omitempty"`

	// tokenSecret names a Secret in roadbed-system whose key "token" is sent as
	// bearer token. It must have the label capability.roadbed.dev/capability with
	// the name of this capability. None means that nothing is sent.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	// +optional
	TokenSecret string `json:"tokenSecret,omitempty"`
}

// BuiltinProvisioner is one of Roadbed's own.
type BuiltinProvisioner struct {
	// name of the provisioner.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// parameters of the provisioner.
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Parameters *runtime.RawExtension `json:"parameters,omitempty"`
}
