// Package kubetest gives tests the real Kubernetes API server: a fake client
// proves nothing about RBAC, quota or admission.
//
// One control plane is shared by all tests of a process, and by all processes
// of a run when the program withkube has started it before. Tests therefore
// make objects under names of their own, and never assume that they are alone.
// A test that kills or reconfigures a plane takes a Private one.
//
// Only tests import this package.
package kubetest
