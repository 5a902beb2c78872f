package enginetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/discovery"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi/openapitest"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Plugin is the API server's own code for MutatingAdmissionPolicies, in process:
// it finds policies, bindings and namespaces, chooses what applies, and merges by
// the schemas that an API server publishes.
type Plugin struct{ plugin *mutating.Plugin }

// NewPlugin starts the plugin with policies, their bindings and namespaces. It
// runs until the context ends.
func NewPlugin(ctx context.Context, objects ...runtime.Object) (*Plugin, error) {
	made, err := mutating.NewPlugin(nil)
	if err != nil {
		return nil, err
	}
	client := published{fake.NewClientset(objects...)}
	factory := informers.NewSharedInformerFactory(client, 0)
	made.SetEnabled(true)
	made.SetExternalKubeClientSet(client)
	made.SetExternalKubeInformerFactory(factory)
	made.SetDynamicClient(dynamicfake.NewSimpleDynamicClient(scheme.Scheme))
	made.SetRESTMapper(meta.NewDefaultRESTMapper([]schema.GroupVersion{corev1.SchemeGroupVersion}))
	made.SetDrainedNotification(ctx.Done())
	made.SetUnconditionalAuthorizer(nobody{})
	if err := made.ValidateInitialization(); err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if !made.WaitForReady() {
		return nil, errors.New("the plugin does not get ready")
	}
	return &Plugin{made}, nil
}

// ErrNoSchema tells of a kind whose schema client-go does not bring along.
var ErrNoSchema = errors.New("the kind has no schema here")

// published is a client whose server publishes the schemas of Kubernetes' kinds.
type published struct{ *fake.Clientset }

// Discovery knows the schemas.
func (p published) Discovery() discovery.DiscoveryInterfaces {
	return schemas{p.Clientset.Discovery()}
}

type schemas struct{ discovery.DiscoveryInterfaces }

// OpenAPIV3 gives the schemas.
func (schemas) OpenAPIV3() openapi.Client { return openapitest.NewEmbeddedFileClient() }

// nobody may anything.
type nobody struct{}

// Authorize has no opinion.
func (nobody) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "", nil
}

// Change is what the plugin makes of a request's object. It is ErrOther when the
// object is none of its kind, which no API server would have let come so far.
func (p *Plugin) Change(ctx context.Context, r *policy.Request) (Verdict, error) {
	object, err := typed(r.Object, r.Kind)
	if err != nil {
		return Verdict{}, err
	}
	var old runtime.Object
	if r.OldObject != nil {
		if old, err = typed(r.OldObject, r.Kind); err != nil {
			return Verdict{}, err
		}
	}
	var options runtime.Object = &metav1.CreateOptions{}
	if r.OldObject != nil {
		options = &metav1.UpdateOptions{}
	}
	attributes := admission.NewAttributesRecord(object, old, r.Kind, r.Namespace, r.Name, r.Resource, "",
		admission.Operation(r.Operation), options, r.DryRun, &user.DefaultInfo{Name: r.User.Username, Groups: r.User.Groups})
	err = p.plugin.Admit(ctx, attributes, interfaces{admission.NewObjectInterfacesFromScheme(scheme.Scheme)})
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		if _, refusal, ok := strings.Cut(status.ErrStatus.Message, "denied request: "); ok {
			return Verdict{Refusal: strings.TrimSpace(refusal)}, nil
		}
	}
	if apierrors.IsServiceUnavailable(err) {
		return Verdict{}, fmt.Errorf("%w: %w", ErrNoSchema, err)
	}
	if err != nil {
		return Verdict{}, err
	}
	changed, err := runtime.DefaultUnstructuredConverter.ToUnstructured(attributes.GetObject())
	return Verdict{Object: changed}, err
}

// Compare has a policy change a request's object by the engine and by the plugin,
// which has what the policy becomes natively.
func (p *Plugin) Compare(ctx context.Context, evaluator policy.Evaluator, r *policy.Request) (Outcome, error) {
	want, err := p.Change(ctx, r)
	if err != nil {
		return Outcome{}, err
	}
	decision := policy.NewSet([]policy.Evaluator{evaluator}, nil).Decide(ctx, r, policy.World{})
	outcome := Outcome{Refusal: want.Refusal, Changed: decision.Object != nil}
	got := Verdict{Object: r.Object, Refusal: refusal(decision)}
	if got.Refusal != want.Refusal {
		outcome.Difference = fmt.Sprintf("engine refuses: %q\nplugin refuses: %q", got.Refusal, want.Refusal)
		return outcome, nil
	}
	if want.Refusal != "" {
		return outcome, nil
	}
	if decision.Object != nil {
		got.Object = decision.Object
	}
	object, err := typed(got.Object, r.Kind)
	if err != nil {
		return outcome, err
	}
	if got.Object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(object); err == nil {
		outcome.Difference = cmp.Diff(want.Object, got.Object)
	}
	return outcome, err
}

// typed is an object as its Go type.
func typed(object map[string]any, kind schema.GroupVersionKind) (runtime.Object, error) {
	made, err := scheme.Scheme.New(kind)
	if err != nil {
		return nil, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, made); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOther, err)
	}
	return made, nil
}

// interfaces are those of types that have one version, and are stored as that.
type interfaces struct{ admission.ObjectInterfaces }

// GetObjectConvertor converts from a type to itself, too.
func (i interfaces) GetObjectConvertor() runtime.ObjectConvertor {
	return sameTypes{i.ObjectInterfaces.GetObjectConvertor()}
}

type sameTypes struct{ runtime.ObjectConvertor }

// Convert copies.
func (sameTypes) Convert(in, out, _ any) error {
	if reflect.TypeOf(in) != reflect.TypeOf(out) {
		return fmt.Errorf("a %T is no %T", in, out)
	}
	reflect.ValueOf(out).Elem().Set(reflect.ValueOf(in).Elem())
	return nil
}

// Reach narrows the bindings among native objects to one namespace.
func Reach(namespace string, objects ...runtime.Object) {
	only := metav1.LabelSelectorRequirement{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: []string{namespace}}
	for _, object := range objects {
		switch binding := object.(type) {
		case *admissionregistrationv1.ValidatingAdmissionPolicyBinding:
			binding.Spec.MatchResources = reaching(binding.Spec.MatchResources, only)
		case *admissionregistrationv1.MutatingAdmissionPolicyBinding:
			binding.Spec.MatchResources = reaching(binding.Spec.MatchResources, only)
		}
	}
}

func reaching(match *admissionregistrationv1.MatchResources, only metav1.LabelSelectorRequirement) *admissionregistrationv1.MatchResources {
	if match == nil {
		match = &admissionregistrationv1.MatchResources{}
	}
	if match.NamespaceSelector == nil {
		match.NamespaceSelector = &metav1.LabelSelector{}
	}
	match.NamespaceSelector.MatchExpressions = append(match.NamespaceSelector.MatchExpressions, only)
	if len(match.ResourceRules) == 0 { // A selector of namespaces does not spare what is in none.
		namespaced := admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
			Rule: admissionregistrationv1.Rule{
				APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*/*"}, Scope: new(admissionregistrationv1.NamespacedScope),
			},
		}
		match.ResourceRules = []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: namespaced}}
	}
	return match
}
