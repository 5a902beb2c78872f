// The projects whose definitions of kinds exported objects are held against. No
// code is built with these modules: only the files in them are read.
module github.com/roadbed-dev/roadbed/test/gateway-export/definitions

go 1.26.0

require (
	github.com/envoyproxy/gateway v1.9.1
	github.com/kong/kubernetes-configuration v1.4.0
	istio.io/api v1.31.1
	sigs.k8s.io/gateway-api v1.6.3
)
