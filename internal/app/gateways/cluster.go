package gateways

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
)

// clusterKeys asks the API server for the keys of its own issuer.
type clusterKeys struct{ client kubernetes.Interface }

var _ authn.Cluster = clusterKeys{}

func newClusterKeys(config *rest.Config) (clusterKeys, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return clusterKeys{}, fmt.Errorf("make the client that reads the cluster's keys: %w", err)
	}
	return clusterKeys{client}, nil
}

// Keys returns the issuer and its key set.
func (k clusterKeys) Keys(ctx context.Context) (issuer string, set []byte, err error) {
	raw, err := k.client.Discovery().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("read the cluster's issuer: %w", err)
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return "", nil, fmt.Errorf("read the cluster's issuer: %w", err)
	}
	if document.Issuer == "" {
		return "", nil, errors.New("the API server does not say who issues its tokens")
	}
	set, err = k.client.Discovery().RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("read the cluster's keys: %w", err)
	}
	return document.Issuer, set, nil
}
