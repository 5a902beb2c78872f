// Package rego judges files by rules in Rego, the way conftest does: rules
// named deny, violation or warn (or deny_something, and so on) in a package,
// usually main, each giving a message or an object with msg; rules named
// exception name what is not to be asked.
//
// It is for files that are no Kubernetes objects, such as Terraform plans,
// pipelines or settings. Files are YAML (one input for each document), JSON,
// TOML or dotenv.
//
// Rules cannot reach the network, the environment or the machine's clock
// settings: the built-ins for it (http.send, net.lookup_ip_addr, opa.runtime)
// do not exist for them, so that the same files always give the same answer.
package rego
