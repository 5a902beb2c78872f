package reportapi

import (
	"cmp"
	"context"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// Store is the history that reports are made of. Implementations MUST be safe
// for concurrent use.
type Store interface {
	// Reports returns what is known of subjects, in the order of their UIDs.
	Reports(ctx context.Context, query history.Query) ([]history.Report, error)
	// Changes returns at most limit changes after a revision, oldest first.
	Changes(ctx context.Context, query history.Query, after int64, limit int) ([]history.Change, error)
	// Revision is that of the newest change.
	Revision(ctx context.Context) (int64, error)
}

// pageSize is how many subjects are read at once.
const pageSize = 500

// storage serves one kind.
type storage struct {
	kind  kind
	store Store
	clock clock.WithTicker
	// stop ends all watches.
	stop <-chan struct{}
}

var (
	_ rest.Storage              = (*storage)(nil)
	_ rest.Scoper               = (*storage)(nil)
	_ rest.Getter               = (*storage)(nil)
	_ rest.Lister               = (*storage)(nil)
	_ rest.Watcher              = (*storage)(nil)
	_ rest.ShortNamesProvider   = (*storage)(nil)
	_ rest.SingularNameProvider = (*storage)(nil)
)

// New returns an empty report.
func (s *storage) New() runtime.Object { return s.kind.empty() }

// NewList returns an empty list.
func (s *storage) NewList() runtime.Object { return s.kind.list() }

// Destroy has nothing to do: the store is its owner's.
func (s *storage) Destroy() {}

// NamespaceScoped tells whether reports of this kind have a namespace.
func (s *storage) NamespaceScoped() bool { return s.kind.namespaced }

// ShortNames are what kubectl takes for the kind.
func (s *storage) ShortNames() []string { return []string{s.kind.short} }

// GetSingularName is what kubectl takes for one report.
func (s *storage) GetSingularName() string { return s.kind.singular }

// Get returns the report of an object by the object's UID.
func (s *storage) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	q := selectionOf(nil).query(s.kind, request.NamespaceValue(ctx))
	q.UID = name
	reports, err := s.store.Reports(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(reports) == 0 {
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: s.kind.version.Group, Resource: s.kind.plural}, name)
	}
	return s.kind.of(reports[0]), nil
}

// List returns reports, page by page where a limit is given.
func (s *storage) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	at, limit := place{}, 0
	if options != nil {
		limit = int(options.Limit)
	}
	var err error
	if options != nil && options.Continue != "" {
		at, err = parsePlace(options.Continue)
	} else {
		// Before reading: what changes meanwhile is told again by a watch.
		at.Revision, err = s.store.Revision(ctx)
	}
	if err != nil {
		return nil, err
	}
	items, after, err := s.page(ctx, selectionOf(options), at.After, limit)
	if err != nil {
		return nil, err
	}
	list := s.kind.list()
	if err := meta.SetList(list, items); err != nil {
		return nil, err
	}
	about, err := meta.ListAccessor(list)
	if err != nil {
		return nil, err
	}
	about.SetResourceVersion(strconv.FormatInt(at.Revision, 10))
	if after != "" {
		about.SetContinue(place{Revision: at.Revision, After: after}.encode())
	}
	return list, nil
}

// page reads reports that match, and returns after which UID to go on; empty
// when there are no more.
func (s *storage) page(ctx context.Context, wanted selection, after string, limit int) (items []runtime.Object, next string, err error) {
	q := wanted.query(s.kind, request.NamespaceValue(ctx))
	q.After, q.Limit = after, pageSize
	if limit > 0 {
		q.Limit = min(pageSize, limit+1)
	}
	for {
		reports, err := s.store.Reports(ctx, q)
		if err != nil {
			return nil, "", err
		}
		for _, r := range reports {
			object := s.kind.of(r)
			v, err := viewOf(object)
			if err != nil {
				return nil, "", err
			}
			if !wanted.matches(v) {
				continue
			}
			if limit > 0 && len(items) == limit {
				return items, next, nil
			}
			items, next = append(items, object), v.meta.Name
		}
		if len(reports) < q.Limit {
			return items, "", nil
		}
		q.After = reports[len(reports)-1].Subject.UID
	}
}

// watchFrom is the revision that a resource version means; 0 where none is given.
func (s *storage) watchFrom(ctx context.Context, version string) (from int64, err error) {
	from, err = strconv.ParseInt(cmp.Or(version, "0"), 10, 64)
	if err != nil || from < 0 {
		return 0, apierrors.NewBadRequest("the resource version " + strconv.Quote(version) + " is not one of this server's")
	}
	if from == 0 {
		return 0, nil
	}
	newest, err := s.store.Revision(ctx)
	if err != nil {
		return 0, err
	}
	oldest, err := s.store.Changes(ctx, history.Query{}, 0, 1)
	if err != nil {
		return 0, err
	}
	if from > newest || len(oldest) > 0 && oldest[0].Revision > from+1 {
		return 0, apierrors.NewResourceExpired("changes since resource version " + version + " are not kept: list again")
	}
	return from, nil
}
