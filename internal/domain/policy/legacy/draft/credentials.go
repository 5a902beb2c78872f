package draft

import (
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Credentials reads how registries are to be read.
func (r *Rule) Credentials(path string, source *kyvernov1.ImageRegistryCredentials) policy.RegistryCredentials {
	if source == nil {
		return policy.RegistryCredentials{}
	}
	said := policy.RegistryCredentials{Secrets: source.Secrets, Insecure: source.AllowInsecureRegistry}
	return policy.ReadCredentials(r.Namespace != "", said, source.Providers, func(field, why string, unsupported bool) {
		if unsupported {
			r.Unsupported(path+"."+field, why)
			return
		}
		r.Wrong(path+"."+field, "%s", why)
	})
}
