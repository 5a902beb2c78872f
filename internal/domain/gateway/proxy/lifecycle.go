package proxy

import (
	"net/http"
	"strconv"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// lifecycle is where a version stands, with the header fields that say so.
type lifecycle struct {
	*gateway.Lifecycle
	fields []http1.Field
}

// newLifecycle prepares the fields of RFC 9745 (Deprecation), RFC 8594 (Sunset)
// and RFC 8288 (Link).
func newLifecycle(source *gateway.Lifecycle) *lifecycle {
	l := &lifecycle{Lifecycle: source}
	if !source.Deprecated.IsZero() {
		l.add("Deprecation", "@"+strconv.FormatInt(source.Deprecated.Unix(), 10))
	}
	if !source.Sunset.IsZero() {
		l.add("Sunset", source.Sunset.UTC().Format(http.TimeFormat))
	}
	if source.Successor != "" {
		l.add("Link", "<"+source.Successor+`>; rel="successor-version"`)
	}
	if source.Documentation != "" && !source.Deprecated.IsZero() {
		l.add("Link", "<"+source.Documentation+`>; rel="deprecation"`)
	}
	return l
}

func (l *lifecycle) add(name, value string) {
	l.fields = append(l.fields, http1.Field{Name: name, Value: value})
}

// enabled tells whether a tenant may use the version.
func (l *lifecycle) enabled(config *gateway.Config, tenant string) bool {
	return l.Flag == "" || tenant != "" && config.Flags[l.Flag][tenant]
}

// decorate adds the fields to an answer. Those that a backend has set itself
// are replaced: the gateway knows the version's life cycle, its links are added.
func (l *lifecycle) decorate(answer *http1.Header) {
	for _, field := range l.fields {
		if field.Name == "Link" {
			answer.Add(field.Name, field.Value)
			continue
		}
		answer.Set(field.Name, field.Value)
	}
}
