package authn

import (
	"context"
	"crypto/sha256"
	"hash/maphash"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// mostWait is how long a request waits for keys at the most.
const mostWait = 8 * time.Second

// Authorizer decides for one process. It is for many goroutines at once.
type Authorizer struct {
	ctx     context.Context
	stop    context.CancelFunc
	clock   clock.Clock
	log     *slog.Logger
	cluster Cluster

	say     *refusals
	reader  *reader
	tokens  *cache
	holders *certificates

	current, before atomic.Pointer[gate]

	mu      sync.Mutex // guards what follows
	when    uint64
	sources map[sourceID]*source
}

// sourceID is what tells key sets apart.
type sourceID struct {
	url, jwks      string
	inline, bundle [sha256.Size]byte
	cluster        bool
}

// New returns an Authorizer that knows no policy. cluster has the keys of the
// cluster's own issuer; nil refuses its tokens with 503. The goroutines that
// fetch keys end with ctx, or with Close.
func New(ctx context.Context, clock clock.Clock, log *slog.Logger, cluster Cluster) *Authorizer {
	say := newRefusals()
	made := &Authorizer{
		clock: clock, log: log, cluster: cluster, say: say, reader: newReader(say), tokens: newCache(),
		holders: &certificates{seed: maphash.MakeSeed()}, sources: make(map[sourceID]*source),
	}
	made.ctx, made.stop = context.WithCancel(ctx)
	return made
}

// Close ends the fetching of keys, and waits for it.
func (a *Authorizer) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop()
	for _, one := range a.sources {
		<-one.done
	}
}

// Update takes over the policies of a Config: it begins to fetch the keys of
// issuers that are new, and forgets those that no policy names. It returns at
// once. Requests of the Config before are still decided by that one.
func (a *Authorizer) Update(config *gateway.Config) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.current.Load()
	if old != nil && old.config == config {
		return
	}
	if old != nil && old.decides(config) {
		again := *old
		again.config = config
		a.before.Store(old)
		a.current.Store(&again)
		return
	}
	if old == nil || !maps.Equal(old.config.Tenants, config.Tenants) {
		a.when++
	}
	used := make(map[*source]bool)
	made := compile(config, a.when, func(one *gateway.Issuer) *source {
		from := a.source(one)
		used[from] = true
		return from
	})
	a.before.Store(old)
	a.current.Store(made)
	for id, one := range a.sources {
		if !used[one] {
			one.stop()
			delete(a.sources, id)
		}
	}
}

// Config is what it decides by now; nil before the first one.
func (a *Authorizer) Config() *gateway.Config {
	if g := a.current.Load(); g != nil {
		return g.config
	}
	return nil
}

// source returns who fetches the keys of an issuer. The caller holds the lock.
func (a *Authorizer) source(one *gateway.Issuer) *source {
	id := sourceID{
		url: one.URL, jwks: one.JWKS, cluster: one.Cluster,
		inline: sha256.Sum256(one.Inline), bundle: sha256.Sum256(one.CABundle),
	}
	if known := a.sources[id]; known != nil {
		return known
	}
	name := one.URL
	var fetch fetcher
	switch {
	case one.Cluster:
		name, fetch = "the cluster", ofCluster(a.cluster)
	case len(one.Inline) > 0:
		fetch = inline(one.Inline)
	default:
		fetch = remote(one.URL, one.JWKS, one.CABundle)
	}
	made := newSource(a.ctx, name, fetch, a.clock, a.log)
	a.sources[id] = made
	return made
}

// gateOf is the gate of the request's Config.
func (a *Authorizer) gateOf(config *gateway.Config) *gate {
	if g := a.current.Load(); g != nil && g.config == config {
		return g
	}
	if g := a.before.Load(); g != nil && g.config == config {
		return g
	}
	return a.late(config)
}

// late is the gate of a request that began under a Config that two have replaced since.
// It is made for this request alone: what the others are decided by stays.
func (a *Authorizer) late(config *gateway.Config) *gate {
	a.mu.Lock()
	defer a.mu.Unlock()
	return compile(config, a.when, a.source) // sources that only it has go with the next Update
}

// Authorize says who calls, nil for nobody, or why the request may not pass. All
// policies must let it pass; the first that knows the caller says who it is.
func (a *Authorizer) Authorize(ctx context.Context, x *exchange.Exchange, policies []*gateway.Authorization) (*gateway.Identity, *exchange.Refusal) {
	g := a.gateOf(x.Config)
	now := a.clock.Now()
	var who *gateway.Identity
	for _, written := range policies {
		p := g.policies[written]
		if p == nil {
			return nil, a.say.policy
		}
		one, refusal := a.decide(ctx, x, g, p, now)
		if refusal != nil {
			return nil, refusal
		}
		switch {
		case who == nil:
			who = one
		case one != nil && one.Tenant != who.Tenant:
			return nil, a.say.tenants
		}
	}
	return who, nil
}

// decide asks one policy.
func (a *Authorizer) decide(ctx context.Context, x *exchange.Exchange, g *gate, p *policy, now time.Time) (*gateway.Identity, *exchange.Refusal) {
	who, refusal := a.identify(ctx, x, g, p, now)
	if refusal != nil {
		return nil, refusal
	}
	if who == nil && !p.Anonymous {
		return nil, p.missing
	}
	if who != nil && who.Tenant == "" && p.RequireTenant {
		return nil, a.say.noTenant
	}
	if !allowed(p.Rules, who, x.Request.Method) {
		if who == nil {
			return nil, p.missing
		}
		return nil, a.say.rules
	}
	return who, nil
}

// identify finds who calls: by token, else by API key, else by certificate; nil
// for a request that shows none of those that the policy takes.
func (a *Authorizer) identify(ctx context.Context, x *exchange.Exchange, g *gate, p *policy, now time.Time) (*gateway.Identity, *exchange.Refusal) {
	if len(p.issuers) > 0 {
		value, count := field(x.Request.Header, "authorization")
		if count > 1 {
			return nil, a.say.several
		}
		if raw, shown := exchange.Bearer(value); shown {
			return a.byToken(ctx, raw, g, p, now)
		}
	}
	if p.APIKeys {
		value, count := field(x.Request.Header, p.header)
		if count > 1 {
			return nil, a.say.several
		}
		if count == 1 {
			return a.byKey(value, x, g, now)
		}
	}
	if leaf := verified(x.Request.TLS); leaf != nil && p.ClientCertificates {
		who := a.holders.identify(leaf, g)
		if who == nil || now.After(leaf.NotAfter) {
			return nil, a.say.certificate
		}
		return who, nil
	}
	return nil, nil
}

// field returns the first value of a header, and how many there are.
func field(header http1.Header, name string) (value string, count int) {
	for i := range header {
		if !http1.EqualFold(header[i].Name, name) {
			continue
		}
		if count == 0 {
			value = header[i].Value
		}
		count++
	}
	return value, count
}

func (a *Authorizer) byKey(text string, x *exchange.Exchange, g *gate, now time.Time) (*gateway.Identity, *exchange.Refusal) {
	known := g.holder(text)
	if known == nil || !known.Expires.IsZero() && !now.Before(known.Expires) {
		return nil, a.say.apiKey
	}
	if len(known.APIs) > 0 && (x.Lifecycle == nil || !slices.Contains(known.APIs, x.Lifecycle.API)) {
		return nil, a.say.api
	}
	return known.who, nil
}

// byToken finds the caller among the tokens that were verified before, else
// verifies the token.
func (a *Authorizer) byToken(ctx context.Context, raw string, g *gate, p *policy, now time.Time) (*gateway.Identity, *exchange.Refusal) {
	hash := a.tokens.hash(raw)
	for i := range p.issuers {
		one := &p.issuers[i]
		if e := a.tokens.get(raw, hash, one.source, now); e != nil && one.takes(e.token) && !one.source.stale(now, one.maxStale) {
			return g.remembered(e, one.maps), nil
		}
	}
	return a.verify(ctx, strings.Clone(raw), hash, g, p)
}

// takes tells whether the policy takes such a token of this issuer.
func (i *issuer) takes(t *token) bool {
	return i.isFrom(t) && i.algorithms&t.algorithm != 0 && i.isFor(t)
}

func (i *issuer) isFrom(t *token) bool {
	if i.Cluster && i.URL == "" {
		name := i.source.issuer.Load()
		return name != nil && *name == t.issuer
	}
	return t.issuer != "" && t.issuer == i.URL
}

func (i *issuer) isFor(t *token) bool {
	for _, audience := range t.audiences {
		if slices.Contains(i.Audiences, audience) {
			return true
		}
	}
	return false
}

// verify believes a token, or says why not. What costs least is looked at first.
func (a *Authorizer) verify(ctx context.Context, raw string, hash uint64, g *gate, p *policy) (*gateway.Identity, *exchange.Refusal) {
	t, refusal := a.reader.read(raw)
	if refusal != nil {
		return nil, refusal
	}
	ctx, cancel := context.WithTimeout(ctx, mostWait)
	defer cancel()
	why := a.say.issuer
	for i := range p.issuers {
		one := &p.issuers[i]
		if one.Cluster && one.URL == "" && one.source.known(ctx) != nil {
			why = a.say.undecided
			continue
		}
		if !one.isFrom(t) {
			continue
		}
		found, refusal := a.believe(ctx, t, one)
		if refusal != nil {
			why = refusal
			continue
		}
		now := a.clock.Now()
		e := &entry{token: t, source: one.source, key: found, hash: hash, ends: t.ends.Add(leeway)}
		a.tokens.put(e, now)
		return g.remembered(e, one.maps), nil
	}
	return nil, why
}

// believe finds the key that signed the token.
func (a *Authorizer) believe(ctx context.Context, t *token, one *issuer) (*key, *exchange.Refusal) {
	if one.algorithms&t.algorithm == 0 {
		return nil, a.say.algorithm
	}
	if refusal := a.reader.timely(t, a.clock.Now()); refusal != nil {
		return nil, refusal
	}
	if !one.isFor(t) {
		return nil, a.say.audience
	}
	candidates, err := one.source.candidates(ctx, t)
	if err != nil {
		return nil, a.say.undecided
	}
	if one.source.stale(a.clock.Now(), one.maxStale) {
		return nil, a.say.undecided
	}
	if len(candidates) == 0 {
		return nil, a.say.key
	}
	for _, candidate := range candidates {
		if !candidate.gone.Load() && t.signedBy(candidate) {
			return candidate, nil
		}
	}
	return nil, a.say.signature
}
