package reportapi

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
)

// Where the cluster's API server says how it vouches for who asks.
const (
	vouchersConfig = "extension-apiserver-authentication"
	frontProxyKey  = "requestheader-client-ca-file"
)

// How long answers of the cluster's API server are remembered. A right that is
// taken away holds at most that long.
const (
	rememberYes = 10 * time.Second
	rememberNo  = 5 * time.Second
)

// access decides who asks and whether they may, by what the cluster says.
type access struct {
	authenticator authenticator.Request
	headers       *authenticatorfactory.RequestHeaderConfig
	authorizer    authorizer.Authorizer
	// follow keeps up with the certificates until the context ends.
	follow func(ctx context.Context)
}

func newAccess(ctx context.Context, client kubernetes.Interface) (*access, error) {
	a := &access{}
	if err := a.trustFrontProxy(ctx, client); err != nil {
		return nil, err
	}
	backoff := wait.Backoff{Duration: 200 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 4}
	var err error
	a.authenticator, _, err = authenticatorfactory.DelegatingAuthenticatorConfig{
		TokenAccessReviewClient:  client.AuthenticationV1(),
		TokenAccessReviewTimeout: 10 * time.Second,
		WebhookRetryBackoff:      &backoff,
		CacheTTL:                 rememberYes,
		RequestHeaderConfig:      a.headers,
	}.New()
	if err != nil {
		return nil, fmt.Errorf("prepare authentication: %w", err)
	}
	a.authorizer, err = authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: client.AuthorizationV1(),
		AllowCacheTTL:             rememberYes,
		DenyCacheTTL:              rememberNo,
		WebhookRetryBackoff:       &backoff,
	}.New()
	if err != nil {
		return nil, fmt.Errorf("prepare authorization: %w", err)
	}
	return a, nil
}

// trustFrontProxy has the cluster's API server, and nobody else, say who asks.
func (a *access) trustFrontProxy(ctx context.Context, client kubernetes.Interface) error {
	authority, err := dynamiccertificates.NewDynamicCAFromConfigMapController("front-proxy", metav1.NamespaceSystem, vouchersConfig, frontProxyKey, client)
	if err != nil {
		return fmt.Errorf("trust the API server's front proxy: %w", err)
	}
	headers := headerrequest.NewRequestHeaderAuthRequestController(vouchersConfig, metav1.NamespaceSystem, client,
		"requestheader-username-headers", "requestheader-uid-headers", "requestheader-group-headers",
		"requestheader-extra-headers-prefix", "requestheader-allowed-names")
	if err := authority.RunOnce(ctx); err != nil {
		return fmt.Errorf("read how the API server vouches for who asks: %w", err)
	}
	if err := headers.RunOnce(ctx); err != nil {
		return fmt.Errorf("read how the API server vouches for who asks: %w", err)
	}
	a.headers = &authenticatorfactory.RequestHeaderConfig{
		CAContentProvider:   authority,
		UsernameHeaders:     headerrequest.StringSliceProviderFunc(headers.UsernameHeaders),
		UIDHeaders:          headerrequest.StringSliceProviderFunc(headers.UIDHeaders),
		GroupHeaders:        headerrequest.StringSliceProviderFunc(headers.GroupHeaders),
		ExtraHeaderPrefixes: headerrequest.StringSliceProviderFunc(headers.ExtraHeaderPrefixes),
		AllowedClientNames:  headerrequest.StringSliceProviderFunc(headers.AllowedClientNames),
	}
	a.follow = func(ctx context.Context) {
		go authority.Run(ctx, 1)
		headers.Run(ctx, 1)
	}
	return nil
}
