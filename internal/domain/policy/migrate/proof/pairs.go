package proof

import (
	"slices"
	"strconv"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// judged are requests that create objects of one kind, the latest first, by what
// the old form said of them.
type judged struct{ right, wrong []*policy.Request }

// remembered is how many of each are kept.
const remembered = 6

// pairs makes updates and deletions of objects that were judged before.
type pairs struct {
	g      *generator
	judged map[string]*judged
	// kinds in the order in which they came, so that the same seed means the same.
	kinds []string
	// newIsWrong tells of the latest update that its object is not right.
	newIsWrong bool
}

// keep remembers an object that was created.
func (p *pairs) keep(r *policy.Request, right bool) {
	key := r.Kind.Kind + "/" + r.SubResource
	known, ok := p.judged[key]
	if !ok {
		known = &judged{}
		p.judged[key], p.kinds = known, append(p.kinds, key)
	}
	list := &known.wrong
	if right {
		list = &known.right
	}
	*list = append([]*policy.Request{r}, (*list)[:min(len(*list), remembered-1)]...)
}

// changes are the ways in which objects change, in turn; into themselves where
// nothing else is said.
var changes = []struct {
	from, to func(*judged) []*policy.Request
	metadata bool // nothing but a label is changed
	partly   bool // a container of the old object stays
}{
	{from: (*judged).rights, to: (*judged).wrongs},
	{from: (*judged).wrongs, to: (*judged).wrongs},
	{from: (*judged).wrongs, to: (*judged).rights},
	{from: (*judged).rights, to: (*judged).rights},
	{from: (*judged).wrongs},
	{from: (*judged).wrongs, metadata: true},
	{from: (*judged).rights, metadata: true},
	{from: (*judged).wrongs, to: (*judged).wrongs, partly: true},
	{from: (*judged).wrongs, to: (*judged).rights, partly: true},
}

func (j *judged) rights() []*policy.Request { return j.right }

func (j *judged) wrongs() []*policy.Request { return j.wrong }

// request makes a request: of five, two create, two change and one deletes what
// was created before, once there is something.
func (p *pairs) request(i int) *policy.Request {
	var made *policy.Request
	switch i % 5 {
	case 2, 3:
		made = p.update((i / 5) % len(changes))
	case 4:
		made = p.deletion()
	}
	if made == nil {
		return p.g.request()
	}
	return made
}

// kind is one of which objects were judged; nil while there are none.
func (p *pairs) kind() *judged {
	if len(p.kinds) == 0 {
		return nil
	}
	return p.judged[p.kinds[p.g.random.IntN(len(p.kinds))]]
}

// update changes an object into another of its kind; nil where there are none as
// the change wants them.
func (p *pairs) update(at int) *policy.Request {
	known, change := p.kind(), changes[at]
	if known == nil {
		return nil
	}
	old := p.any(change.from(known))
	if old == nil {
		return nil
	}
	fresh := old
	if change.to != nil {
		if fresh = p.any(change.to(known)); fresh == nil {
			return nil
		}
	}
	object := runtime.DeepCopyJSON(fresh.Object)
	made := old.With(object)
	made.Operation, made.OldObject, made.User = admissionv1.Update, old.Object, p.g.user()
	identify(child(object, "metadata"), child(old.Object, "metadata"))
	switch {
	case change.metadata:
		p.relabel(object)
	case change.partly:
		share(object, old.Object)
	}
	p.newIsWrong = slices.Contains(known.wrong, fresh)
	return made
}

// identify gives an object the name of another: an update keeps it.
func identify(metadata, as map[string]any) {
	for _, key := range []string{"name", "namespace", "generateName"} {
		if value, ok := as[key]; ok {
			metadata[key] = value
		} else {
			delete(metadata, key)
		}
	}
}

// share puts the first container of an object into another, wherever both have it.
func share(into, from map[string]any) {
	for key, value := range from {
		switch value := value.(type) {
		case map[string]any:
			if inner, ok := into[key].(map[string]any); ok {
				share(inner, value)
			}
		case []any:
			list, ok := into[key].([]any)
			if ok && len(value) > 0 && strings.HasSuffix(strings.ToLower(key), "containers") {
				into[key] = append([]any{runtime.DeepCopyJSONValue(value[0])}, list...)
			}
		}
	}
}

// relabel changes nothing but a label.
func (p *pairs) relabel(object map[string]any) {
	child(child(object, "metadata"), "labels")["changed"] = strconv.Itoa(p.g.random.IntN(3))
}

// deletion deletes an object.
func (p *pairs) deletion() *policy.Request {
	known := p.kind()
	if known == nil {
		return nil
	}
	list := known.wrong
	if len(list) == 0 || p.g.random.IntN(3) == 0 {
		list = known.right
	}
	old := p.any(list)
	if old == nil {
		return nil
	}
	made := old.With(nil)
	made.Operation, made.OldObject, made.User, made.SubResource = admissionv1.Delete, old.Object, p.g.user(), ""
	return made
}

func (p *pairs) any(list []*policy.Request) *policy.Request {
	if len(list) == 0 {
		return nil
	}
	return list[p.g.random.IntN(len(list))]
}
