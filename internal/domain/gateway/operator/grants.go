package operator

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	rbacac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

const (
	// grantManager is who owns the fields of the roles.
	grantManager = "roadbed-gateway"
	// regrant is how often roles are written again that somebody may have changed.
	regrant = 5 * time.Minute
)

// grants keep, for each namespace, who may read which of its Secrets and
// ConfigMaps: those that the gateway refers to and no others. Only the leader
// writes them.
type grants struct {
	client  kubernetes.Interface
	elected <-chan struct{}
	clock   clock.WithTicker
	log     *slog.Logger
	ready   chan struct{}

	mu     sync.Mutex
	wanted map[translate.Key]grant // guarded by mu; by namespace and the role's name
}

// grant is what a role lets read.
type grant struct {
	secrets, configMaps string // names, sorted, with spaces between them
}

func newGrants(client kubernetes.Interface, elected <-chan struct{}, c clock.WithTicker, log *slog.Logger) *grants {
	return &grants{client: client, elected: elected, clock: c, log: log, ready: make(chan struct{}, 1), wanted: map[translate.Key]grant{}}
}

// want replaces what is to be granted: what Gateways and policies refer to, and
// the Secrets of Subscriptions.
func (g *grants) want(secrets, configMaps, keys []translate.Key) {
	wanted := map[translate.Key]grant{}
	add := func(role string, names []translate.Key, put func(*grant, string)) {
		for _, key := range sorted(names) {
			at := translate.Key{Namespace: key.Namespace, Name: role}
			made := wanted[at]
			put(&made, key.Name)
			wanted[at] = made
		}
	}
	secret := func(to *grant, name string) { to.secrets = strings.TrimSpace(to.secrets + " " + name) }
	add(rbac.Reads, secrets, secret)
	add(rbac.Reads, configMaps, func(to *grant, name string) { to.configMaps = strings.TrimSpace(to.configMaps + " " + name) })
	add(rbac.Keys, keys, secret)
	g.mu.Lock()
	same := maps.Equal(g.wanted, wanted)
	g.wanted = wanted
	g.mu.Unlock()
	if same {
		return
	}
	select {
	case g.ready <- struct{}{}:
	default:
	}
}

func sorted(keys []translate.Key) []translate.Key {
	return slices.SortedFunc(slices.Values(keys), func(a, b translate.Key) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

// keysOf are the Secrets that Subscriptions have or ask for.
func keysOf(subscriptions map[translate.Key]*v1alpha1.Subscription) []translate.Key {
	all := make([]translate.Key, 0, len(subscriptions))
	for key, s := range subscriptions {
		all = append(all, translate.Key{Namespace: key.Namespace, Name: secretOf(s)})
	}
	return all
}

// run grants until the context ends, from the moment that this process leads.
func (g *grants) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-g.elected:
	}
	done := map[translate.Key]grant{}
	for {
		wait := regrant
		if !g.settle(ctx, done) {
			wait = pause
		}
		select {
		case <-ctx.Done():
			return
		case <-g.ready:
		case <-g.clock.After(wait):
			if wait == regrant {
				clear(done)
			}
		}
	}
}

// settle writes what differs from what was done, and says whether it could. After
// the start, and now and then, nothing counts as done.
func (g *grants) settle(ctx context.Context, done map[translate.Key]grant) (settled bool) {
	g.mu.Lock()
	wanted := maps.Clone(g.wanted)
	g.mu.Unlock()
	settled = true
	note := func(at translate.Key, err error) {
		if err != nil && ctx.Err() == nil {
			settled = false
			g.log.ErrorContext(ctx, "the right to read what Gateways refer to cannot be given", "namespace", at.Namespace, "name", at.Name, "error", err)
		}
	}
	given, err := g.given(ctx, done)
	note(translate.Key{}, err)
	for at, each := range wanted {
		if before, found := done[at]; found && before == each {
			continue
		}
		err := g.give(ctx, at, each)
		note(at, err)
		if err == nil {
			done[at] = each
		}
	}
	for _, at := range given {
		if _, still := wanted[at]; still {
			continue
		}
		err := g.take(ctx, at)
		note(at, err)
		if err == nil {
			delete(done, at)
		}
	}
	return settled
}

// given are the roles that there are: those in done, or where nothing is known all
// of the cluster's.
func (g *grants) given(ctx context.Context, done map[translate.Key]grant) ([]translate.Key, error) {
	if len(done) > 0 {
		return slices.Collect(maps.Keys(done)), nil
	}
	list, err := g.client.RbacV1().Roles(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: rbac.Label})
	if err != nil {
		return nil, fmt.Errorf("list the roles that let read what Gateways refer to: %w", err)
	}
	var found []translate.Key
	for i := range list.Items {
		found = append(found, translate.Key{Namespace: list.Items[i].Namespace, Name: list.Items[i].Name})
	}
	return found, nil
}

// give writes a role and whom it is for. Processes that only serve read no keys.
func (g *grants) give(ctx context.Context, at translate.Key, what grant) error {
	label := map[string]string{rbac.Label: "true"}
	verbs, subjects := []string{"get", "list", "watch"}, []string{identity.Roadbed, rbac.Process}
	if at.Name == rbac.Keys {
		verbs, subjects = []string{"get", "update"}, []string{identity.Roadbed}
	}
	role := rbacac.Role(at.Name, at.Namespace).WithLabels(label)
	for resource, names := range map[string]string{"configmaps": what.configMaps, "secrets": what.secrets} {
		if names != "" {
			role.WithRules(rbacac.PolicyRule().WithAPIGroups(corev1.GroupName).WithResources(resource).
				WithResourceNames(strings.Fields(names)...).WithVerbs(verbs...))
		}
	}
	slices.SortFunc(role.Rules, func(a, b rbacac.PolicyRuleApplyConfiguration) int { return cmp.Compare(a.Resources[0], b.Resources[0]) })
	options := metav1.ApplyOptions{FieldManager: grantManager, Force: true}
	if _, err := g.client.RbacV1().Roles(at.Namespace).Apply(ctx, role, options); err != nil {
		return absent(err)
	}
	binding := rbacac.RoleBinding(at.Name, at.Namespace).WithLabels(label).
		WithRoleRef(rbacac.RoleRef().WithAPIGroup(rbacv1.GroupName).WithKind("Role").WithName(at.Name))
	for _, user := range subjects {
		binding.WithSubjects(rbacac.Subject().WithAPIGroup(rbacv1.GroupName).WithKind(rbacv1.UserKind).WithName(user))
	}
	_, err := g.client.RbacV1().RoleBindings(at.Namespace).Apply(ctx, binding, options)
	return absent(err)
}

// absent passes over a namespace that is not there, or not any more: there is
// nothing to read.
func absent(err error) error {
	if apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	return err
}

// take takes a right back.
func (g *grants) take(ctx context.Context, at translate.Key) error {
	if err := g.client.RbacV1().RoleBindings(at.Namespace).Delete(ctx, at.Name, metav1.DeleteOptions{}); absent(err) != nil {
		return err
	}
	return absent(g.client.RbacV1().Roles(at.Namespace).Delete(ctx, at.Name, metav1.DeleteOptions{}))
}
