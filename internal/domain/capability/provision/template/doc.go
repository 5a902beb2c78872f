// Package template provisions claims with Kubernetes objects that a capability's
// author wrote down, with expressions where they depend on the claim.
//
// A template is compiled once for each revision, with every fault named by its
// field. Rendering is pure: which objects a claim consists of, and their names,
// follow from the claim alone; what is in them may read other objects of the
// claim as the cluster has them, and such an object is made once those are
// ready. So is one that says so by dependsOn. A preview shows every object, and
// leaves expressions over other objects as they are written.
package template
