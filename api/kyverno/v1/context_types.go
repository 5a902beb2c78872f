package v1

// ContextEntry is a variable: by one of its fields.
type ContextEntry struct {
	// name of the variable.
	Name string `json:"name"`

	// configMap is the data of a ConfigMap.
	// +optional
	ConfigMap *ConfigMapReference `json:"configMap,omitempty"`

	// apiCall is the answer of the API server or of a service.
	// +optional
	APICall *ContextAPICall `json:"apiCall,omitempty"`

	// imageRegistry is what a registry knows of an image.
	// +optional
	ImageRegistry *ImageRegistry `json:"imageRegistry,omitempty"`

	// variable is a value or an expression.
	// +optional
	Variable *Variable `json:"variable,omitempty"`

	// globalReference is an entry of the global context.
	// +optional
	GlobalReference *GlobalContextEntryReference `json:"globalReference,omitempty"`
}

// Variable is a value or an expression.
type Variable struct {
	// value of the variable.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Value *JSON `json:"value,omitempty"`

	// jmesPath gives the value, or turns value into another.
	// +optional
	JMESPath string `json:"jmesPath,omitempty"`

	// default where the expression gives nothing.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Default *JSON `json:"default,omitempty"`
}

// ConfigMapReference names a ConfigMap.
type ConfigMapReference struct {
	// name of the ConfigMap; may hold variables.
	Name string `json:"name"`

	// namespace of the ConfigMap; may hold variables.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// ContextAPICall asks the API server or a service.
type ContextAPICall struct {
	APICall `json:",inline"`

	// default where the call fails.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Default *JSON `json:"default,omitempty"`

	// jmesPath turns the answer into the value.
	// +optional
	JMESPath string `json:"jmesPath,omitempty"`
}

// APICall asks the API server by urlPath, or a service.
type APICall struct {
	// urlPath at the API server, as in kubectl get --raw.
	// +optional
	URLPath string `json:"urlPath,omitempty"`

	// method is GET, the default, or POST.
	// +kubebuilder:validation:Enum=GET;POST
	// +optional
	Method string `json:"method,omitempty"`

	// data is what is posted.
	// +optional
	Data []RequestData `json:"data,omitempty"`

	// service is asked in place of the API server.
	// +optional
	Service *ServiceCall `json:"service,omitempty"`
}

// RequestData is one field of what is posted.
type RequestData struct {
	// key of the field.
	Key string `json:"key"`

	// value of the field.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Value *JSON `json:"value"`
}

// ServiceCall asks a service that speaks JSON.
type ServiceCall struct {
	// url of the service.
	URL string `json:"url"`

	// headers of the request.
	// +optional
	Headers []HTTPHeader `json:"headers,omitempty"`

	// caBundle is PEM, for the service's certificate.
	// +optional
	CABundle string `json:"caBundle,omitempty"`
}

// HTTPHeader is one header of a request.
type HTTPHeader struct {
	// key is the header's name.
	Key string `json:"key"`
	// value of the header.
	Value string `json:"value"`
}

// ImageRegistry asks a registry about an image.
type ImageRegistry struct {
	// reference of the image; may hold variables.
	Reference string `json:"reference"`

	// jmesPath turns the answer into the value.
	// +optional
	JMESPath string `json:"jmesPath,omitempty"`

	// imageRegistryCredentials are for the registry.
	// +optional
	ImageRegistryCredentials *ImageRegistryCredentials `json:"imageRegistryCredentials,omitempty"`
}

// GlobalContextEntryReference names an entry of the global context.
type GlobalContextEntryReference struct {
	// name of the entry.
	Name string `json:"name"`

	// jmesPath turns the entry into the value.
	// +optional
	JMESPath string `json:"jmesPath,omitempty"`
}

// AnyAllConditions hold when one of any and each of all hold.
type AnyAllConditions struct {
	// any of these conditions.
	// +optional
	Any []Condition `json:"any,omitempty"`

	// all of these conditions.
	// +optional
	All []Condition `json:"all,omitempty"`
}

// Condition compares a key with a value.
type Condition struct {
	// key may hold variables.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Key *JSON `json:"key,omitempty"`

	// operator is Equals, NotEquals, In, AnyIn, AllIn, NotIn, AnyNotIn, AllNotIn,
	// GreaterThan, GreaterThanOrEquals, LessThan, LessThanOrEquals, or one of the
	// last four with Duration in front. Older policies write Equal and NotEqual.
	// +optional
	Operator string `json:"operator,omitempty"`

	// value may hold variables.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Value *JSON `json:"value,omitempty"`

	// message is shown when the condition decides.
	// +optional
	Message string `json:"message,omitempty"`
}
