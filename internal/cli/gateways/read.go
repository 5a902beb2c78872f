package gateways

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/export"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// read reads what is exported from files or the cluster, and who issues the
// cluster's own tokens.
func (p *program) read(ctx context.Context, f *exportFlags) (in export.Input, issuer export.ClusterIssuer, err error) {
	if len(f.files) == 0 {
		in, issuer, err = p.live(ctx)
	} else {
		in, err = p.files(f.files)
	}
	if err != nil {
		return in, issuer, err
	}
	if f.clusterIssuer != "" {
		issuer = export.ClusterIssuer{URL: f.clusterIssuer}
	}
	if f.clusterKeys == "" {
		return in, issuer, nil
	}
	keys, err := os.ReadFile(f.clusterKeys)
	if err != nil {
		return in, issuer, fmt.Errorf("read the cluster's keys: %w", err)
	}
	if !json.Valid(keys) {
		return in, issuer, fmt.Errorf("%s: the cluster's keys are no JSON: kubectl get --raw /openid/v1/jwks prints them", f.clusterKeys)
	}
	issuer.JWKS = strings.TrimSpace(string(keys))
	return in, issuer, nil
}

// newScheme knows the kinds that are exported.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	verb.Must(gatewayv1.Install(scheme))
	verb.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// files reads files and folders. Objects of other kinds are left out, as folders
// with an application have them.
func (p *program) files(names []string) (in export.Input, err error) {
	scheme := newScheme()
	var mistakes []yamldoc.Mistake
	for _, name := range names {
		files, err := expand(name)
		if err != nil {
			return in, err
		}
		for _, file := range files {
			data, shown, err := manifest.Input(p.Program, file)
			if err != nil {
				return in, err
			}
			documents, wrong := yamldoc.Split(shown, data)
			mistakes = append(mistakes, wrong...)
			for _, document := range documents {
				mistakes = append(mistakes, add(&in, scheme, document)...)
			}
		}
	}
	return in, yamldoc.Join(mistakes)
}

// add decodes a document, or the items of a list, and puts them in.
func add(in *export.Input, scheme *runtime.Scheme, document *yamldoc.Document) []yamldoc.Mistake {
	if items, mistakes, ok := document.Items(); ok {
		for _, item := range items {
			mistakes = append(mistakes, add(in, scheme, item)...)
		}
		return mistakes
	}
	version, err := schema.ParseGroupVersion(document.APIVersion())
	if err != nil {
		return []yamldoc.Mistake{document.Mistake("apiVersion", err.Error())}
	}
	if version.Group == gatewayv1.GroupName && version.Version == "v1beta1" {
		version.Version = gatewayv1.GroupVersion.Version // the same fields, by their former version
	}
	object, err := scheme.New(version.WithKind(document.Kind()))
	if err != nil {
		return nil
	}
	if mistakes := document.Decode(object); len(mistakes) > 0 {
		return mistakes
	}
	in.Add(object)
	return nil
}

// expand is a file, or the YAML and JSON files of a folder, sorted.
func expand(name string) (files []string, err error) {
	info, err := os.Stat(name)
	if name == "-" || err == nil && !info.IsDir() {
		return []string{name}, nil
	}
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(name, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)) {
			files = append(files, file)
		}
		return err
	})
	return files, err
}

// live reads the cluster. Kinds that it does not have are none.
func (p *program) live(ctx context.Context) (in export.Input, issuer export.ClusterIssuer, err error) {
	config, err := p.RestConfig()
	if err != nil {
		return in, issuer, err
	}
	c, err := verb.NewClient(config, newScheme())
	if err != nil {
		return in, issuer, err
	}
	for _, list := range []client.ObjectList{
		&gatewayv1.GatewayClassList{}, &gatewayv1.GatewayList{}, &gatewayv1.ListenerSetList{}, &gatewayv1.HTTPRouteList{},
		&gatewayv1.GRPCRouteList{}, &gatewayv1.BackendTLSPolicyList{}, &gatewayv1.ReferenceGrantList{},
		&v1alpha1.AuthorizationPolicyList{}, &v1alpha1.RateLimitPolicyList{}, &v1alpha1.LifecyclePolicyList{}, &v1alpha1.SubscriptionList{},
	} {
		if err := c.List(ctx, list); err != nil && !meta.IsNoMatchError(err) {
			return in, issuer, fmt.Errorf("list %T: %w", list, err)
		}
		err := meta.EachListItem(list, func(object runtime.Object) error {
			in.Add(object)
			return nil
		})
		if err != nil {
			return in, issuer, err
		}
	}
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return in, issuer, err
	}
	issuer, err = clusterIssuer(ctx, d)
	return in, issuer, err
}

// clusterIssuer asks the API server who issues its tokens. It is empty where that
// is not for the user to know.
func clusterIssuer(ctx context.Context, d *discovery.DiscoveryClient) (issuer export.ClusterIssuer, err error) {
	document, err := d.RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return issuer, nil
	}
	if err != nil {
		return issuer, fmt.Errorf("ask the cluster for its issuer: %w", err)
	}
	var described struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(document, &described); err != nil {
		return issuer, fmt.Errorf("the cluster's /.well-known/openid-configuration: %w", err)
	}
	keys, err := d.RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(ctx)
	if err != nil {
		return issuer, fmt.Errorf("ask the cluster for its keys: %w", err)
	}
	return export.ClusterIssuer{URL: described.Issuer, JWKS: strings.TrimSpace(string(keys))}, nil
}
