// Package reportapi serves policy reports as Kubernetes objects, from an API
// server of its own behind the cluster's: kubectl get, list and watch work, and
// etcd holds none of it.
//
// What always holds:
//   - It only reads. Reports are made of what the history has, at each request.
//   - Who asks is who the cluster's API server says it is, and whether they may is
//     asked of it too: who may read the reports of a namespace is decided by RBAC.
//   - A list and a watch from its resource version together miss nothing: the
//     version is the revision of the history.
//   - A page that continues another shows what there is now, at places that the
//     earlier pages did not show; a watch from the list's version tells the rest.
//
// While an APIService has nobody who answers, no namespace of the cluster
// finishes deleting. Registration therefore makes the APIServices when the server
// answers, and takes them away before it stops.
//
// The only folder that imports the generic server of k8s.io/apiserver, whose
// interfaces change between versions.
package reportapi
