package capability

import (
	"context"
	"time"
)

// UsageWindow is how far back use counts: a break is an error when anyone used
// the operation since.
const UsageWindow = 90 * 24 * time.Hour

// Consumer is somebody who used a version of an API.
type Consumer struct {
	// Tenant and Client say who; Client may be empty.
	Tenant string `json:"tenant"`
	Client string `json:"client,omitempty"`
	// Operation as the OpenAPI document names it, such as listDatabase, or the
	// method and path.
	Operation string `json:"operation,omitempty"`
	// Last is when they last did.
	Last time.Time `json:"last"`
}

// Usage tells who used an API through the gateway. Implementations MUST be safe
// for concurrent use.
type Usage interface {
	// Consumers are those who used the version since then, in any order. When
	// nobody did, it is empty. An implementation that cannot tell MUST return an
	// error, never an empty list.
	Consumers(ctx context.Context, api, version string, since time.Time) ([]Consumer, error)
}

// Nobody is the usage where there is no gateway, so that nobody can have used an API.
type Nobody struct{}

var _ Usage = Nobody{}

// Consumers are none.
func (Nobody) Consumers(context.Context, string, string, time.Time) ([]Consumer, error) {
	return nil, nil
}
