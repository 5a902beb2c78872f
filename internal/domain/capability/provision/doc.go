// Package provision is the vocabulary between claims and what fulfils them: what
// a provisioner is told of a claim, what it answers, and what it promises.
//
// Two kinds of provisioners exist. A Renderer, such as a template or a chart,
// is pure: it says which objects a claim consists of, and the claim's
// controller applies them as the guarded account of the capability. A Builtin
// does its work outside the cluster, on a database server or an object store,
// and may want objects in the cluster as well.
//
// What always holds: a preview says what provisioning would do; provisioning
// twice does nothing the second time; no secret is in an error, a condition or
// a preview. The package holds words only and imports nothing of the product.
package provision
