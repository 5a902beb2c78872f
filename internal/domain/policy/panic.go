package policy

import (
	"context"
	"fmt"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// judge lets one policy judge. Where it panics, that is its error: the others judge all
// the same, and an object that somebody makes up ends no process.
func judge(ctx context.Context, evaluator Evaluator, r *Request, w World) (results []Result) {
	defer func() {
		if fault := recover(); fault != nil {
			info := evaluator.Info()
			results = []Result{{Policy: info.Name, Tier: info.Tier, Status: Error, Message: Panicked(ctx, fault).Error()}}
		}
	}()
	return evaluator.Validate(ctx, r, w)
}

// Panicked tells those who look after the process of a panic that was recovered, where
// it was, and returns it as an error.
func Panicked(ctx context.Context, fault any) error {
	for _, report := range utilruntime.PanicHandlers {
		report(ctx, fault)
	}
	return fmt.Errorf("panic: %v", fault)
}
