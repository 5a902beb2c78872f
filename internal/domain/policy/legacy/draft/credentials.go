package draft

import (
	"fmt"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Credentials reads how registries are to be read. Pull secrets are the platform's
// own, so that a policy of a namespace may name none.
func (r *Rule) Credentials(path string, source *kyvernov1.ImageRegistryCredentials) policy.RegistryCredentials {
	if source == nil {
		return policy.RegistryCredentials{}
	}
	for i, provider := range source.Providers {
		if why := policy.ProviderLogin(provider); why != "" {
			r.Unsupported(fmt.Sprintf("%s.providers[%d]", path, i), why)
		}
	}
	if r.Namespaced && len(source.Secrets) > 0 {
		r.Wrong(path+".secrets", "only policies of the cluster may name pull secrets, which are the platform's")
	}
	return policy.RegistryCredentials{Secrets: source.Secrets, Insecure: source.AllowInsecureRegistry}
}
