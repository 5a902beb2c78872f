// Package scenario lets policies judge objects that come from files instead of
// an API server: it makes requests of objects, reads the files by which tests
// say who asks and what there is (cli.kyverno.io/v1alpha1: Values, UserInfo,
// Context), and evaluates policies over it all.
//
// A request is made as the API server would make it: the resource and its scope
// are those of the kind, an object without a namespace gets the default one, and
// its Namespace is always there. For kinds that are not Kubernetes' own, CRDs
// among the objects tell scope and name; without one, an object is taken to be
// of a namespace exactly if it names one.
package scenario
