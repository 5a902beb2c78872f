package operator

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	capability "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// beatEvery is how often the feed says that it lives when nothing changes.
const beatEvery = 5 * time.Second

// Feed follows the gateway's objects and feeds a Sink. Its goroutines end with
// Start's context.
type Feed struct {
	cache     cache.Cache
	direct    client.Reader
	clientset kubernetes.Interface
	sink      Sink
	clock     clock.WithTicker
	log       *slog.Logger
	liveness  module.Liveness
	statuses  *statuses // nil where the process writes nothing
	grants    *grants   // as statuses
	refs      *referenced
	wake      chan struct{}

	// known are the settings as far as they were learnt; only the loop uses them.
	known   translate.Settings
	applied *gateway.Config
	// fault is why some of applied is not served, empty when all is; only the loop uses it.
	fault string
	// frame is the last Result's whose references were followed; only the loop uses it.
	frame uint64

	mu         sync.Mutex
	world      *translate.World          // guarded by mu
	translator *translate.Translator     // guarded by mu
	flags      map[string]translate.Flag // guarded by mu
}

var (
	_ manager.Runnable               = (*Feed)(nil)
	_ manager.LeaderElectionRunnable = (*Feed)(nil)
)

func newFeed(host *module.Host, deps Deps) (*Feed, error) {
	mgr := host.Manager
	clientset, err := kubernetes.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("make the client that watches single Secrets: %w", err)
	}
	// The program's cache keeps of namespaces only those that Roadbed generated;
	// routes come from all.
	own, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(),
		DefaultTransform: cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, fmt.Errorf("make the gateway's cache: %w", err)
	}
	f := &Feed{
		cache: own, direct: mgr.GetAPIReader(), clientset: clientset, sink: deps.Sink,
		clock: host.Clock, log: host.Log, liveness: host.Liveness, wake: make(chan struct{}, 1),
		known: translate.Settings{Addresses: deps.Addresses, Port: deps.Port, Own: deps.Own},
		world: translate.NewWorld(), flags: map[string]translate.Flag{},
	}
	f.translator = translate.New(f.known, f.world)
	f.refs = newReferenced(clientset, f)
	if !deps.Watcher {
		f.statuses = newStatuses(mgr.GetClient(), mgr.Elected(), host.Log, f.rouse)
		f.grants = newGrants(clientset, mgr.Elected(), host.Clock, host.Log)
	}
	f.liveness.Expect(feedName)
	return f, nil
}

// NeedLeaderElection says that every process has a feed.
func (f *Feed) NeedLeaderElection() bool { return false }

// Start follows the objects until the context ends.
func (f *Feed) Start(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	running.Go(func() {
		if err := f.cache.Start(ctx); err != nil {
			f.log.ErrorContext(ctx, "the gateway's cache ended", "error", err)
			stop()
		}
	})
	if err := f.follow(ctx); err != nil {
		return err
	}
	defer f.refs.stop()
	if f.statuses != nil {
		running.Go(func() { f.statuses.run(ctx) })
		running.Go(func() { f.grants.run(ctx) })
	}
	ticker := f.clock.NewTicker(beatEvery)
	defer ticker.Stop()
	f.rouse()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			f.beat(ctx)
		case <-f.wake:
			f.turn(ctx)
		}
		f.liveness.Beat(feedName)
	}
}

// beat looks after what no event tells of.
func (f *Feed) beat(ctx context.Context) {
	if f.fault != "" {
		f.turn(ctx)
		return
	}
	f.learn(ctx)
}

// rouse asks for another turn. It never blocks.
func (f *Feed) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// turn translates the World and passes on what it means, and has statuses written after
// that.
func (f *Feed) turn(ctx context.Context) {
	f.learn(ctx)
	result := f.translate()
	// What is referred to for the first time is read before anybody is told that
	// it is not there.
	if f.refer(ctx, result) {
		result = f.translate()
		f.refer(ctx, result)
	}
	if result.Config != f.applied || f.fault != "" {
		f.apply(ctx, result.Config)
	}
	if f.statuses != nil {
		f.statuses.want(result.Statuses)
	}
}

// refer has what is referred to granted and followed, where that may have changed. It
// says whether there was anything new, which it has read.
func (f *Feed) refer(ctx context.Context, result *translate.Result) bool {
	if result.Frame == f.frame {
		return false
	}
	f.frame = result.Frame
	f.grant(result)
	return f.refs.follow(ctx, result.Secrets, result.ConfigMaps)
}

// apply passes a Config on. What of it cannot be served, such as a port that another
// program has, is said once and tried again with the next beat.
func (f *Feed) apply(ctx context.Context, config *gateway.Config) {
	before := f.fault
	f.applied, f.fault = config, ""
	if err := f.sink.Apply(config); err != nil {
		f.fault = err.Error()
	}
	switch f.fault {
	case before:
	case "":
		f.log.InfoContext(ctx, "all of the gateway's configuration is served again", "version", config.Version)
	default:
		f.log.ErrorContext(ctx, "some of the gateway's configuration cannot be served", "version", config.Version, "error", f.fault)
	}
}

// grant has the right to what is referred to given.
func (f *Feed) grant(result *translate.Result) {
	if f.grants == nil {
		return
	}
	f.mu.Lock()
	keys := keysOf(f.world.Subscriptions)
	f.mu.Unlock()
	f.grants.want(result.Secrets, result.ConfigMaps, keys)
}

func (f *Feed) translate() *translate.Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.translator.Translate(f.clock.Now())
}

// OnAdd puts an object in.
func (f *Feed) OnAdd(object any, _ bool) { f.changed(object, false) }

// OnUpdate puts an object in the place of the old one.
func (f *Feed) OnUpdate(_, object any) { f.changed(object, false) }

// OnDelete takes an object out.
func (f *Feed) OnDelete(object any) {
	if tombstone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	f.changed(object, true)
}

func (f *Feed) changed(object any, gone bool) {
	o, ok := object.(client.Object)
	if !ok {
		return
	}
	f.mu.Lock()
	switch {
	case isFlag(o):
		f.setFlag(o.(*capability.FeatureFlag), gone)
	case gone:
		f.world.Delete(o)
	default:
		f.world.Set(o)
	}
	f.mu.Unlock()
	f.rouse()
}

func isFlag(o client.Object) bool {
	_, is := o.(*capability.FeatureFlag)
	return is
}

// setFlag is called with mu held.
func (f *Feed) setFlag(flag *capability.FeatureFlag, gone bool) {
	delete(f.flags, flag.Name)
	if !gone {
		f.flags[flag.Name] = flagOf(flag)
	}
	all := make([]translate.Flag, 0, len(f.flags))
	for _, each := range f.flags {
		all = append(all, each)
	}
	f.world.SetFlags(all)
}

// flagOf says who has a flag.
func flagOf(flag *capability.FeatureFlag) translate.Flag {
	made := translate.Flag{Name: flag.Name, Tenants: map[string]bool{}, BusinessUnits: map[string]bool{}}
	if flag.Spec.State == capability.FlagDisabled {
		return made
	}
	made.Everybody = flag.Spec.DefaultVariant == capability.VariantOn
	for _, tenant := range flag.Spec.Targets.Tenants {
		made.Tenants[tenant] = true
	}
	for _, unit := range flag.Spec.Targets.BusinessUnits {
		made.BusinessUnits[unit] = true
	}
	return made
}
