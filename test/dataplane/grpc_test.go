package dataplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
)

// talk is the service of the tests: it says back what it hears, message by message,
// with a header and a trailer, until it hears "fail".
func talk(_ any, stream grpc.ServerStream) error {
	heard := &wrapperspb.StringValue{}
	fields, _ := metadata.FromIncomingContext(stream.Context())
	if err := stream.SetHeader(metadata.Pairs("x-heard-of", strings.Join(fields.Get("x-said"), ","))); err != nil {
		return err
	}
	stream.SetTrailer(metadata.Pairs("x-bye", "bye"))
	for {
		if err := stream.RecvMsg(heard); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		switch heard.GetValue() {
		case "fail":
			return status.Error(codes.FailedPrecondition, "not like that: 100 %")
		case "hang":
			<-stream.Context().Done()
			return stream.Context().Err()
		}
		if err := stream.SendMsg(heard); err != nil {
			return err
		}
	}
}

// talker serves talk for every method of every service.
func talker(t *testing.T) *gateway.Backend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(talk))
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-ended })
	return &gateway.Backend{
		ID: "apis/talk:80", Protocol: gateway.H2C, Endpoints: []gateway.Endpoint{{Address: netip.MustParseAddrPort(listener.Addr().String())}},
	}
}

// TestGRPC has gRPC's own client and server talk through the gateway.
func TestGRPC(t *testing.T) {
	t.Parallel()
	fronts(t, func(t *testing.T, own bool) {
		c := config([]*gateway.Backend{talker(t)}, rule("/talk.Talk", "apis/talk:80"))
		c.Listeners[0].Routes[0].Kind = gateway.GRPCRoute
		p := open(t, c, options{own: own, proxy: []proxy.Option{proxy.WithMaxBody(100)}}) // no bound for streams
		conn, err := grpc.NewClient("passthrough:///"+p.address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		t.Run("Unary", func(t *testing.T) {
			var head, tail metadata.MD
			got := &wrapperspb.StringValue{}
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-said", "hello")
			err := conn.Invoke(ctx, "/talk.Talk/Say", wrapperspb.String("one"), got, grpc.Header(&head), grpc.Trailer(&tail))
			if err != nil || got.GetValue() != "one" || fmt.Sprint(head.Get("x-heard-of"), tail.Get("x-bye")) != "[hello] [bye]" {
				t.Errorf("%q, %v, %v, %v", got.GetValue(), err, head, tail)
			}
		})
		t.Run("Stream", func(t *testing.T) { stream(t, conn) })
		for name, c := range map[string]struct {
			method, word string
			want         codes.Code
			message      string
		}{
			"Error":    {"/talk.Talk/Say", "fail", codes.FailedPrecondition, "not like that: 100 %"},
			"NoRoute":  {"/other.Other/Say", "x", codes.Unimplemented, "Nothing is served at this host and path."},
			"Deadline": {"/talk.Talk/Say", "hang", codes.DeadlineExceeded, ""},
		} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				if c.word == "hang" {
					ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
				}
				defer cancel()
				err := conn.Invoke(ctx, c.method, wrapperspb.String(c.word), &wrapperspb.StringValue{})
				if status.Code(err) != c.want || c.message != "" && status.Convert(err).Message() != c.message {
					t.Errorf("%v, want %v %q", err, c.want, c.message)
				}
			})
		}
	})
}

// stream talks both ways: an answer comes before the next word is said.
func stream(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/talk.Talk/Talk")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"one", strings.Repeat("long ", 50_000), "three"} {
		got := &wrapperspb.StringValue{}
		if err := errors.Join(s.SendMsg(wrapperspb.String(word)), s.RecvMsg(got)); err != nil || got.GetValue() != word {
			t.Fatalf("%.20q, %v", got.GetValue(), err)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(&wrapperspb.StringValue{}); !errors.Is(err, io.EOF) || s.Trailer().Get("x-bye") == nil {
		t.Errorf("the end is %v, with %v", err, s.Trailer())
	}
}
