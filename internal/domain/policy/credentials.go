package policy

import "fmt"

// RegistryCredentials are what a policy says of how to read its registries. The
// zero value says nothing: what the operator gave holds.
type RegistryCredentials struct {
	// Secrets are pull secrets in Roadbed's own namespace, by name. The first that
	// knows a registry counts, before what the operator gave.
	Secrets []string
	// Insecure allows registries that speak plain HTTP.
	Insecure bool
}

// None tells that nothing is said.
func (c RegistryCredentials) None() bool { return len(c.Secrets) == 0 && !c.Insecure }

// Credentialed is Images that can read registries in another way. What it returns
// holds to the contract of Images; where the credentials cannot be had, it says so
// of each image.
type Credentialed interface {
	Images
	// With returns the same images, read with the credentials.
	With(credentials RegistryCredentials) Images
}

// With is the world with the registries read with the credentials, where there are
// any and it can.
func (w World) With(credentials RegistryCredentials) World {
	if images, ok := w.Images.(Credentialed); ok && !credentials.None() {
		w.Images = images.With(credentials)
	}
	return w
}

// ReadCredentials checks what a policy says of registries, and has what is wrong or
// unsupported noted by the field below the credentials. Pull secrets are the
// platform's own, so that a policy of a namespace may name none.
func ReadCredentials(namespaced bool, said RegistryCredentials, providers []string, note func(field, why string, unsupported bool)) RegistryCredentials {
	for i, provider := range providers {
		if provider != "default" {
			note(fmt.Sprintf("providers[%d]", i), "logging in by the provider "+provider+
				" is not supported; name pull secrets, or give the server a Docker configuration whose helper logs in", true)
		}
	}
	if namespaced && len(said.Secrets) > 0 {
		note("secrets", "only policies of the cluster may name pull secrets, which are the platform's", false)
	}
	return said
}
