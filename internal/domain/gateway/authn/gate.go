package authn

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// usualStale is how long keys are used without their issuer where a policy does
// not say.
const usualStale = 24 * time.Hour

// gate is a Config, ready to decide. It is never changed.
type gate struct {
	config   *gateway.Config
	when     uint64 // the generation of who belongs to whom
	policies map[*gateway.Authorization]*policy
	keys     map[[sha256.Size]byte]*holderOfKey
	tenants  map[string]gateway.Tenant // by name
}

// policy is an Authorization, ready to decide.
type policy struct {
	*gateway.Authorization
	header  string // of API keys
	issuers []issuer
	missing *exchange.Refusal
}

// issuer is whose tokens a policy takes.
type issuer struct {
	*gateway.Issuer
	source     *source
	algorithms algorithms
	maps       mapping
	maxStale   time.Duration
}

// mapping is how tokens become identities.
type mapping struct {
	tenant, groups, prefix string
	cluster                bool // the token's namespace is this cluster's
}

// holderOfKey is who has an API key.
type holderOfKey struct {
	hash [sha256.Size]byte
	gateway.Client
	who *gateway.Identity
}

// decides says whether a Config has nothing that is not the gate's already.
func (g *gate) decides(config *gateway.Config) bool {
	return gateway.Same(g.config.Authorizations, config.Authorizations) && gateway.Same(g.config.Keys, config.Keys) &&
		gateway.Same(g.config.Tenants, config.Tenants)
}

// compile makes the gate of a Config. sourceOf gives the keys of an issuer.
func compile(config *gateway.Config, when uint64, sourceOf func(*gateway.Issuer) *source) *gate {
	made := &gate{
		config: config, when: when, tenants: make(map[string]gateway.Tenant, len(config.Tenants)),
		policies: make(map[*gateway.Authorization]*policy, len(config.Authorizations)),
	}
	for _, tenant := range config.Tenants {
		made.tenants[tenant.Name] = tenant
	}
	takesKeys := false
	for _, written := range config.Authorizations {
		made.policies[written] = compilePolicy(written, sourceOf)
		takesKeys = takesKeys || written.APIKeys
	}
	if takesKeys {
		made.keys = holdersOf(config.Keys)
	}
	return made
}

func compilePolicy(written *gateway.Authorization, sourceOf func(*gateway.Issuer) *source) *policy {
	made := &policy{Authorization: written, header: written.APIKeyHeader}
	if made.header == "" {
		made.header = "x-api-key"
	}
	for i := range written.Issuers {
		one := &written.Issuers[i]
		stale := one.MaxStale
		if stale <= 0 {
			stale = usualStale
		}
		made.issuers = append(made.issuers, issuer{
			Issuer: one, source: sourceOf(one), algorithms: algorithmsOf(one.Algorithms), maxStale: stale,
			maps: mapping{tenant: one.TenantClaim, groups: one.Groups, prefix: one.GroupsPrefix, cluster: one.Cluster},
		})
	}
	made.missing = missing(len(made.issuers) > 0, written.APIKeys, made.header)
	return made
}

func holdersOf(clients map[string]gateway.Client) map[[sha256.Size]byte]*holderOfKey {
	holders := make(map[[sha256.Size]byte]*holderOfKey, len(clients))
	for text, client := range clients {
		made := &holderOfKey{Client: client}
		if n, err := hex.Decode(made.hash[:], []byte(text)); err != nil || n != len(made.hash) {
			continue // what is no hash matches no key
		}
		namespace, _, _ := strings.Cut(client.ID, "/")
		made.who = &gateway.Identity{
			Kind: gateway.APIKey, Subject: client.ID, Client: client.ID, Namespace: namespace,
			Tenant: client.Tenant, BusinessUnit: client.BusinessUnit, Expires: client.Expires,
		}
		holders[made.hash] = made
	}
	return holders
}

// mostAPIKey is how long an API key may be.
const mostAPIKey = 512

// holder finds who has an API key. The key is looked up by its hash, so that the
// time it takes tells nothing of the keys there are.
func (g *gate) holder(text string) *holderOfKey {
	if len(text) > mostAPIKey {
		return nil
	}
	var bytes [mostAPIKey]byte
	sum := sha256.Sum256(bytes[:copy(bytes[:], text)])
	known := g.keys[sum]
	if known == nil || subtle.ConstantTimeCompare(known.hash[:], sum[:]) != 1 {
		return nil
	}
	return known
}

// identify makes who the token is about, as the issuer's mapping says.
func (g *gate) identify(t *token, how mapping) *gateway.Identity {
	made := &gateway.Identity{
		Kind: gateway.Workload, Subject: t.subject, Issuer: t.issuer, Client: t.client, Claims: t.claims, Expires: t.ends,
	}
	if how.groups != "" {
		made.Kind = gateway.Person
		groups, _ := gateway.Claim(t.claims, how.groups)
		for _, group := range texts(groups) {
			made.Groups = append(made.Groups, how.prefix+group)
		}
	}
	var tenant gateway.Tenant
	switch {
	case how.tenant != "":
		name, _ := gateway.Claim(t.claims, how.tenant)
		tenant = g.tenants[gateway.Text(name)]
	case how.cluster: // another issuer could name any namespace
		name, _ := gateway.Claim(t.claims, "kubernetes.io.namespace")
		made.Namespace = gateway.Text(name)
		tenant = g.config.Tenants[made.Namespace]
	}
	made.Tenant, made.BusinessUnit = tenant.Name, tenant.BusinessUnit
	return made
}

// memo is an identity that was made of a token, and under what.
type memo struct {
	when uint64
	how  mapping
	who  *gateway.Identity
	next *memo
}

// mostMemos is how many mappings a token is remembered under.
const mostMemos = 4

// remembered is the identity of a token in the cache.
func (g *gate) remembered(e *entry, how mapping) *gateway.Identity {
	known := 0
	for m := e.memo.Load(); m != nil && m.when == g.when; m = m.next {
		if m.how == how {
			return m.who
		}
		known++
	}
	made := &memo{when: g.when, how: how, who: g.identify(e.token, how)}
	if known > 0 && known < mostMemos {
		made.next = e.memo.Load()
	}
	e.memo.Store(made)
	return made.who
}
