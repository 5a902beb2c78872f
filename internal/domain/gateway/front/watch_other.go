//go:build !unix

package front

import "github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"

// watcher cannot look here: a client that goes away is noticed at the next piece.
type watcher struct {
	conn *conn
	body http1.Body
}

func (*watcher) start() {}
func (*watcher) stop()  {}
