package conformance

import (
	"sync/atomic"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// dataPlane is who serves what the control plane finds. Here it holds the Config and
// listens nowhere: what the suite asks of statuses is judged, and what it asks of
// traffic fails.
type dataPlane struct {
	config atomic.Pointer[gateway.Config]
}

// Apply keeps the Config.
func (p *dataPlane) Apply(config *gateway.Config) error {
	p.config.Store(config)
	return nil
}
