package enforce

import (
	"context"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/selected"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// Kinder tells what the cluster serves. Implementations MUST be safe for
// concurrent use.
type Kinder interface {
	// All lists every resource and subresource; false while it may not be all.
	All(ctx context.Context) (served []policy.Served, complete bool, err error)
	// Forget has All ask anew.
	Forget()
}

// untilLooked is when kinds that were not served are looked for again.
const untilLooked = time.Minute

// inVain names what a policy selects and never concerns. What is not known is not
// said: it is advice, and must not hold up a policy.
func inVain(ctx context.Context, kinds Kinder, of policy.Evaluator, p steps.Object) []string {
	if kinds == nil {
		return nil
	}
	served, complete, err := kinds.All(ctx)
	if err != nil || !complete {
		return nil
	}
	return selected.InVain(of, p.GetNamespace(), served)
}
