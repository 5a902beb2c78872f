package observe

import (
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
)

// Recorder counts exchanges, as a ledger does. It MUST NOT keep the exchange.
type Recorder interface {
	Record(x *exchange.Exchange)
}

// Observer tells everybody who wants to know. What is nil is left out.
type Observer struct {
	Log     *AccessLog
	Metrics *Metrics
	Tracer  *Tracer
	Ledger  Recorder
}

var _ proxy.Observer = (*Observer)(nil)

// Start begins the request's span, where it is sampled.
func (o *Observer) Start(x *exchange.Exchange) {
	if o.Tracer != nil {
		o.Tracer.start(x)
	}
	if o.Metrics != nil {
		o.Metrics.start(x)
	}
}

// Done tells what became of the request.
func (o *Observer) Done(x *exchange.Exchange) {
	if o.Metrics != nil {
		o.Metrics.done(x)
	}
	if o.Ledger != nil {
		o.Ledger.Record(x)
	}
	if o.Log != nil {
		o.Log.Done(x)
	}
	if o.Tracer != nil {
		o.Tracer.done(x)
	}
}
