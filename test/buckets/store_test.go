package buckets

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

const (
	root   = "root-key"
	secret = "root-secret/with+signs"
)

// store is the object store, of which a process has one.
type store struct{ s3, iam string }

var (
	started sync.Once
	running store
	failed  error
)

// start starts the store, and returns where it is.
func start(t *testing.T) store {
	t.Helper()
	started.Do(func() { failed = run() })
	if failed != nil {
		t.Fatal(failed)
	}
	return running
}

// url is the store as Roadbed is told of it.
func (s store) url() string {
	return "http://" + url.UserPassword(root, secret).String() + "@" + s.s3 + "?iam=" + url.QueryEscape("http://"+s.iam)
}

var stop = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stop()
	os.Exit(code)
}

func run() error {
	dir, err := os.MkdirTemp("", "buckets")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop = func() { cancel(); _ = os.RemoveAll(dir) }
	for _, name := range []string{"objects", "versions", "attributes", "users"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	attributes, err := meta.NewSideCar(filepath.Join(dir, "attributes"))
	if err != nil {
		return err
	}
	backend, err := posix.New(filepath.Join(dir, "objects"), attributes, posix.PosixOpts{
		SideCarDir: filepath.Join(dir, "attributes"), VersioningDir: filepath.Join(dir, "versions"),
	})
	if err != nil {
		return err
	}
	if running.s3, err = free(); err == nil {
		running.iam, err = free()
	}
	if err != nil {
		return err
	}
	socket := filepath.Join(dir, "iam.sock")
	ended := make(chan error, 2)
	go func() {
		ended <- embedgw.RunIAMAPI(ctx, &embedgw.IAMConfig{
			RootUserAccess: root, RootUserSecret: secret, Ports: []string{running.iam}, PrivatePorts: []string{socket},
			MaxConnections: 100, MaxRequests: 100, IAMDir: filepath.Join(dir, "users"), Quiet: true,
		})
	}()
	if err := answers("unix", socket, ended); err != nil {
		return err
	}
	go func() {
		ended <- embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
			RootUserAccess: root, RootUserSecret: secret, Ports: []string{running.s3}, StandaloneIAMEndpoint: socket,
			MaxConnections: 100, MaxRequests: 100, MultipartMaxParts: 100, Quiet: true, IAMCacheDisable: true,
		})
	}()
	return answers("tcp", running.s3, ended)
}

// free is an address on loopback that nobody listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// answers waits until somebody listens.
func answers(network, address string, ended <-chan error) error {
	deadline := time.After(time.Minute)
	for {
		if c, err := net.Dial(network, address); err == nil {
			return c.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the object store ended: %w", err)
		case <-deadline:
			return fmt.Errorf("nobody listens at %s", address)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// holder is who works with a bucket.
func holder(at store, connection map[string][]byte) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + at.s3), Region: string(connection["region"]), UsePathStyle: string(connection["path-style"]) == "true",
		RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: string(connection["access-key-id"]), SecretAccessKey: string(connection["secret-access-key"])}, nil
		}),
	})
}
