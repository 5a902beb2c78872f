// Package app is the composition root: it joins the domains to one program,
// gives each what it needs and nothing else, and starts and stops them in
// order.
//
// Install prepares a cluster (kinds, rights, guards, shipped tiers); Run runs
// the domains against it until its context ends; Manifests renders what
// Install applies, together with a Deployment, as YAML. Only internal/cli and
// tests import this package.
package app
