package database

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// Name is the provisioner's, as a Capability names it.
const Name = "postgres"

// Keys of the connection Secret, as the Service Binding specification has them.
const (
	KeyType     = "type"
	KeyHost     = "host"
	KeyPort     = "port"
	KeyDatabase = "database"
	KeyUsername = "username"
	KeyPassword = "password"
	KeySSLMode  = "sslmode"
	KeyURI      = "uri"
)

var keys = []string{KeyDatabase, KeyHost, KeyPassword, KeyPort, KeySSLMode, KeyType, KeyURI, KeyUsername}

// Provisioner fulfils claims for databases.
type Provisioner struct {
	server  Server
	logins  Logins
	backups *Backups
	clock   clock.Clock
}

var _ provision.Builtin = (*Provisioner)(nil)

// New returns a provisioner of databases on the server. backups may be nil:
// claims that want any are refused then.
func New(server Server, logins Logins, backups *Backups, clk clock.Clock) *Provisioner {
	return &Provisioner{server: server, logins: logins, backups: backups, clock: clk}
}

// Available says why databases cannot be had, and what to do.
func (p *Provisioner) Available(ctx context.Context) error { return p.server.Available(ctx) }

// wish is what a claim asks for.
type wish struct {
	connections int
	rotate      time.Duration
	backup      Schedule
}

func wishOf(spec map[string]any) (wish, error) {
	number := func(fallback int64, path ...string) (int64, error) {
		found, ok, err := unstructured.NestedFieldNoCopy(spec, path...)
		if err != nil || !ok {
			return fallback, err
		}
		switch value := found.(type) {
		case int64:
			return value, nil
		case float64:
			return int64(value), nil
		}
		return 0, fmt.Errorf("%w: spec.%s is no number", provision.ErrInvalid, path[len(path)-1])
	}
	connections, err := number(20, "connections")
	if err != nil {
		return wish{}, err
	}
	days, err := number(0, "rotateAfterDays")
	if err != nil {
		return wish{}, err
	}
	keep, err := number(7, "backup", "keep")
	if err != nil {
		return wish{}, err
	}
	every, _, err := unstructured.NestedString(spec, "backup", "every")
	if err != nil {
		return wish{}, fmt.Errorf("%w: spec.backup.every: %w", provision.ErrInvalid, err)
	}
	period, ok := periods[every]
	if !ok {
		return wish{}, fmt.Errorf("%w: spec.backup.every is %q: take Never, Hourly, Daily or Weekly", provision.ErrInvalid, every)
	}
	return wish{
		connections: int(connections), rotate: time.Duration(days) * 24 * time.Hour,
		backup: Schedule{Every: period, Keep: int(keep)},
	}, nil
}

func namesOf(claim *unstructured.Unstructured) Names {
	return NamesOf(claim.GetName(), string(claim.GetUID()))
}

// Plan says what Ensure would do.
func (p *Provisioner) Plan(ctx context.Context, in provision.Input) (provision.Preview, error) {
	w, err := wishOf(in.Spec)
	if err != nil {
		return provision.Preview{}, err
	}
	preview := provision.Preview{ConnectionKeys: keys}
	system := "postgres"
	if host, port, _, err := p.server.Address(ctx); err == nil { // a server that sleeps has no address yet
		preview.Endpoint = net.JoinHostPort(host, strconv.Itoa(port))
		system += " " + preview.Endpoint
	}
	name := namesOf(in.Claim).Database
	if in.Claim.GetUID() == "" {
		name = in.Claim.GetName() + "_..." // the rest comes with the UID
	}
	preview.External = []provision.External{
		{System: system, Kind: "role", Name: name, Detail: "owns what is in the database"},
		{System: system, Kind: "database", Name: name, Detail: fmt.Sprintf("at most %d connections; nobody else may connect", w.connections)},
		{System: system, Kind: "login", Name: name + "_a", Detail: "its password goes into the connection Secret"},
	}
	return preview, nil
}

// Ensure makes the database and sees to its logins.
func (p *Provisioner) Ensure(ctx context.Context, in provision.Input, previous map[string][]byte) (provision.Output, error) {
	w, err := wishOf(in.Spec)
	if err != nil {
		return provision.Output{}, err
	}
	if w.backup.Every > 0 && p.backups == nil {
		return provision.Output{}, fmt.Errorf("%w: the platform keeps no backups of databases: remove spec.backup", provision.ErrInvalid)
	}
	n := namesOf(in.Claim)
	if err := p.server.EnsureDatabase(ctx, n.Database, n.Database, n.Mark, w.connections); err != nil {
		return provision.Output{}, err
	}
	login, password, err := p.ensureLogin(ctx, n, w, previous)
	if err != nil {
		return provision.Output{}, err
	}
	host, port, mode, err := p.server.Address(ctx)
	if err != nil {
		return provision.Output{}, err
	}
	endpoint := net.JoinHostPort(host, strconv.Itoa(port))
	status, err := p.status(ctx, n)
	if err != nil {
		return provision.Output{}, err
	}
	if p.backups != nil {
		p.backups.Keep(target{namespace: in.Tenant.Namespace, claim: in.Claim.GetName(), names: n}, w.backup)
	}
	return provision.Output{
		Ready: true, Endpoint: endpoint, Status: status,
		Connection: connection(n, login, password, host, port, mode),
	}, nil
}

// ensureLogin returns the login to use and its password.
func (p *Provisioner) ensureLogin(ctx context.Context, n Names, w wish, previous map[string][]byte) (login, password string, err error) {
	marks, err := p.logins.Logins(ctx, n.Database)
	if err != nil {
		return "", "", err
	}
	known, password := string(previous[KeyUsername]), string(previous[KeyPassword])
	if marks[known] == "" {
		known = ""
	}
	if known != "" {
		works, err := p.logins.Accepts(ctx, n.Database, known, password)
		if err != nil {
			return "", "", err
		}
		if !works {
			known = ""
		}
	}
	now := p.clock.Now()
	turn := Decide(n, known, marks, w.rotate, now)
	if turn.Fresh {
		password = rand.Text()
		err = p.logins.SetLogin(ctx, n.Database, n.Database, turn.Current, password, n.mark(now), w.connections)
	}
	if err == nil && turn.Lock != "" {
		err = p.logins.LockLogin(ctx, n.Database, n.Database, turn.Lock)
	}
	return turn.Current, password, err
}

// sizeStep is how exactly the size is reported: a status that changed with every
// byte would be written without end.
const sizeStep = 16 << 20

func (p *Provisioner) status(ctx context.Context, n Names) (map[string]any, error) {
	size, err := p.server.Measure(ctx, n.Database)
	if err != nil {
		return nil, err
	}
	return map[string]any{"database": n.Database, "sizeMiB": (size + sizeStep - 1) / sizeStep * sizeStep >> 20}, nil
}

func connection(n Names, login, password, host string, port int, mode string) map[string][]byte {
	number := strconv.Itoa(port)
	uri := url.URL{
		Scheme: "postgresql", User: url.UserPassword(login, password), Host: net.JoinHostPort(host, number),
		Path: "/" + n.Database, RawQuery: url.Values{"sslmode": {mode}}.Encode(),
	}
	return map[string][]byte{
		KeyType: []byte("postgresql"), KeyHost: []byte(host), KeyPort: []byte(number), KeyDatabase: []byte(n.Database),
		KeyUsername: []byte(login), KeyPassword: []byte(password), KeySSLMode: []byte(mode), KeyURI: []byte(uri.String()),
	}
}

// Delete ends a claim. Retain keeps everything and everybody out; Snapshot drops
// the database once a last dump of it is safe.
func (p *Provisioner) Delete(ctx context.Context, in provision.Input, policy provision.DeletionPolicy) (done bool, err error) {
	n := namesOf(in.Claim)
	of := target{namespace: in.Tenant.Namespace, claim: in.Claim.GetName(), names: n}
	if p.backups != nil {
		p.backups.Forget(n)
	}
	if policy != provision.Delete {
		if err := p.lock(ctx, n); err != nil {
			return false, err
		}
	}
	switch policy {
	case provision.Retain:
		return true, nil
	case provision.Snapshot:
		if p.backups == nil {
			return false, fmt.Errorf("%w: the platform keeps no backups of databases, so a last one cannot be made: set spec.platform.deletionPolicy to Retain or Delete", provision.ErrInvalid)
		}
		if safe, err := p.final(ctx, of); err != nil || !safe {
			return false, err
		}
	case provision.Delete:
	default:
		return false, fmt.Errorf("%w: deletion policy %q", provision.ErrInvalid, policy)
	}
	if err := p.server.Drop(ctx, n.Database, n.Database, n.Mark, n.Logins[:]...); err != nil {
		return false, err
	}
	return true, nil
}

func (p *Provisioner) lock(ctx context.Context, n Names) error {
	var errs []error
	for _, login := range n.Logins {
		errs = append(errs, p.logins.LockLogin(ctx, n.Database, n.Database, login))
	}
	return errors.Join(errs...)
}

// final says whether a last backup is safe, and asks for one when it is not. A
// database that was never made needs none.
func (p *Provisioner) final(ctx context.Context, of target) (bool, error) {
	marks, err := p.logins.Logins(ctx, of.names.Database)
	if err != nil || len(marks) == 0 {
		return err == nil, err
	}
	return p.backups.Final(ctx, of)
}
