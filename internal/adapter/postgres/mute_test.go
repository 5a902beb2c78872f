package postgres_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
)

// mute is a server that lets everybody in and answers no question. It returns its
// URL, and says when it is asked one.
func mute(t *testing.T) (url string, asked <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	heard := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go welcome(conn, heard)
		}
	}()
	return "postgres://admin:admin@" + listener.Addr().String() + "/postgres?sslmode=disable", heard
}

func welcome(conn net.Conn, heard chan<- struct{}) {
	backend := pgproto3.NewBackend(conn, conn)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if backend.Flush() != nil {
		return
	}
	for {
		if _, err := backend.Receive(); err != nil {
			return
		}
		heard <- struct{}{}
	}
}

// elsewhere is a source whose server moves.
type elsewhere struct{ url atomic.Pointer[string] }

func (e *elsewhere) URL(context.Context) (string, error) { return *e.url.Load(), nil }

func (e *elsewhere) Available(context.Context) (bool, error) { return true, nil }

// TestServerThatHangsIsLeft wants nobody to wait for questions to a server that
// another one has taken the place of.
func TestServerThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	old, asked := mute(t)
	source := &elsewhere{}
	source.url.Store(&old)
	server := postgres.New(source)
	ctx, cancel := context.WithCancel(t.Context())
	hangs := make(chan error, 1)
	go func() { hangs <- server.Available(ctx) }()
	t.Cleanup(func() { cancel(); <-hangs; server.Close() })
	<-asked
	next := "postgres://admin:admin@127.0.0.1:1/postgres?sslmode=disable"
	source.url.Store(&next)
	answered := make(chan error, 1)
	go func() { answered <- server.Available(t.Context()) }()
	select {
	case err := <-answered:
		if err == nil {
			t.Error("nobody listens there, and it is available")
		}
	case <-time.After(time.Minute):
		t.Fatal("the new server is not asked while the old one hangs")
	}
}
