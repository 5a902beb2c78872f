// Package config holds what is generated for clusters: the definitions of
// Roadbed's kinds, which "roadbed install" applies, and beside them, for people
// who install by other means, the roles, guards, webhooks and tiers as YAML and
// a Helm chart. Nothing in this folder but this file is edited by hand; "make
// generate" writes it.
package config

import "embed"

// CRDs are the definitions of Roadbed's kinds, in the folder crds.
//
//go:embed crds/*.yaml
var CRDs embed.FS

// KyvernoKinds are the definitions of Kyverno's kinds, in the folder kyverno.
// They are only for clusters in which Kyverno's own are absent.
//
//go:embed kyverno/*.yaml
var KyvernoKinds embed.FS

// GatewayKinds are the definitions of Gateway API's kinds, in the folder gateway.
// They are only for clusters in which none are.
//
//go:embed gateway/*.yaml
var GatewayKinds embed.FS
