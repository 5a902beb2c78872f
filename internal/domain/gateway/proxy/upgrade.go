package proxy

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// upgrade asks an endpoint for another protocol. Where it agrees, client and
// endpoint are joined until both have said their last.
func (f *flow) upgrade(ctx context.Context, backend *gateway.Backend, endpoint gateway.Endpoint) error {
	behind, err := f.proxy.transport.Upgrade(ctx, backend, endpoint, f.x.Request, &f.response)
	if err != nil || behind == nil {
		return err
	}
	f.x.Upgraded, f.x.Status = true, f.response.Status
	shapeAll(&f.response.Header, f.target)
	f.decorate()
	client, err := f.w.Upgrade(&f.response)
	if err != nil {
		f.cut(err)
		_ = behind.Close() // there is no client for it
		return nil
	}
	stop := context.AfterFunc(f.ctx, func() {
		_ = client.Close() // it ends the copying
		_ = behind.Close()
	})
	defer stop()
	f.x.BytesIn, f.x.BytesOut = join(client, behind)
	return nil
}

// join copies both ways until both ends are done, or one fails, and closes both.
func join(client, behind io.ReadWriteCloser) (in, out int64) {
	var up atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() { up.Store(pipe(behind, client)) })
	out = pipe(client, behind)
	wg.Wait()
	_ = client.Close() // both directions are at their end
	_ = behind.Close()
	return up.Load(), out
}

// pipe copies to the end, and passes the end on: half of it where that can be
// said, else all.
func pipe(to, from io.ReadWriteCloser) int64 {
	n, err := io.Copy(to, from)
	half, ok := to.(interface{ CloseWrite() error })
	if err == nil && ok && half.CloseWrite() == nil {
		return n
	}
	_ = to.Close() // the other direction ends with it
	_ = from.Close()
	return n
}
