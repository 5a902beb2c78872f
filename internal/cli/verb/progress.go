package verb

import (
	"context"
	"fmt"
	"time"
)

// patience is how long a verb may be silent before it says what it does.
const patience = 2 * time.Second

// Slowly runs the work and says what it is when it takes longer than patience.
func (p *Program) Slowly(what string, work func() error) error {
	done := make(chan struct{})
	told := make(chan struct{})
	go func() {
		defer close(told)
		timer := p.Clock.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C():
			fmt.Fprintf(p.Err, "%s ...\n", what)
		}
	}()
	err := work()
	close(done)
	<-told
	return err
}

// Poll calls check at once and then at every interval until it says that it is
// done, fails, or the context ends.
func (p *Program) Poll(ctx context.Context, interval time.Duration, check func() (done bool, err error)) error {
	ticker := p.Clock.NewTicker(interval)
	defer ticker.Stop()
	for {
		done, err := check()
		if err != nil && overdue(ctx, p.Clock.Now()) {
			return context.DeadlineExceeded // A request was refused for want of time.
		}
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C():
		}
	}
}

func overdue(ctx context.Context, now time.Time) bool {
	deadline, ok := ctx.Deadline()
	return ok && !now.Before(deadline)
}
