package shape

import (
	"net/http"
	"strconv"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Lifecycle is where a version stands, with the header fields that say so.
type Lifecycle struct {
	// Lifecycle as the Config has it.
	*gateway.Lifecycle

	fields []http1.Field
}

// NewLifecycle prepares the fields of RFC 9745 (Deprecation), RFC 8594 (Sunset)
// and RFC 8288 (Link).
func NewLifecycle(source *gateway.Lifecycle) *Lifecycle {
	l := &Lifecycle{Lifecycle: source}
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

func (l *Lifecycle) add(name, value string) {
	l.fields = append(l.fields, http1.Field{Name: name, Value: value})
}

// Enabled tells whether a tenant may use the version.
func (l *Lifecycle) Enabled(config *gateway.Config, tenant string) bool {
	return l.Flag == "" || tenant != "" && config.Flags[l.Flag][tenant]
}

// Decorate adds the fields to an answer. Those that a backend has set itself
// are replaced: the gateway knows the version's life cycle, its links are added.
func (l *Lifecycle) Decorate(answer *http1.Header) {
	for _, field := range l.fields {
		if field.Name == "Link" {
			answer.Add(field.Name, field.Value)
			continue
		}
		answer.Set(field.Name, field.Value)
	}
}
