package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// SetLogin makes a login of a database, or gives it another password: a member
// of the owner role that acts as it. The mark is kept with it. All of it happens
// at once or not at all.
func (s *Server) SetLogin(ctx context.Context, database, owner, login, password, mark string, connections int) error {
	pool, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if err := s.setLogin(ctx, pool, database, owner, login, password, mark, connections); err != nil {
		return fmt.Errorf("set login %q: %w", login, err)
	}
	return nil
}

func (s *Server) setLogin(ctx context.Context, pool *pgxpool.Pool, database, owner, login, password, mark string, connections int) error {
	a, err := s.account(ctx, pool)
	if err != nil {
		return err
	}
	verifier, err := scram(password)
	if err != nil {
		return err
	}
	statements := []string{
		"grant " + quoted(owner) + " to " + quoted(login),
		fmt.Sprintf("alter role %s login password '%s' connection limit %d", quoted(login), verifier, connections),
		"alter role " + quoted(login) + " in database " + quoted(database) + " set role to " + quoted(owner),
		"comment on role " + quoted(login) + " is " + literal(mark),
	}
	known, err := memberOf(ctx, pool, login, owner)
	switch {
	case err != nil:
		return err
	case known == foreign:
		return errForeign
	case known == absent:
		create := "create role " + quoted(login) + " nologin nosuperuser nocreatedb nocreaterole inherit"
		statements = append([]string{create, grantSelf(a, login)}, statements...)
	default:
		statements = statements[1:]
	}
	return inTransaction(ctx, pool, statements...)
}

// membership is what a login has to do with an owner role.
type membership int

const (
	absent membership = iota
	member
	foreign
)

func memberOf(ctx context.Context, pool *pgxpool.Pool, login, owner string) (membership, error) {
	_, _, found, err := roleOf(ctx, pool, login)
	if err != nil || !found {
		return absent, err
	}
	var yes bool
	err = pool.QueryRow(ctx, `select exists (select from pg_auth_members m where m.roleid = (select oid from pg_roles where rolname = $1)
		and m.member = (select oid from pg_roles where rolname = $2))`, owner, login).Scan(&yes)
	if err == nil && !yes {
		return foreign, nil
	}
	return member, err
}

// Logins are the logins of an owner role, with their marks. The mark of one that
// is locked is empty.
func (s *Server) Logins(ctx context.Context, owner string) (map[string]string, error) {
	pool, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, `select r.rolname, coalesce(shobj_description(r.oid, 'pg_authid'), '')
		from pg_auth_members m join pg_roles r on r.oid = m.member join pg_roles o on o.oid = m.roleid
		where o.rolname = $1 and r.rolname <> current_user`, owner)
	if err != nil {
		return nil, fmt.Errorf("list logins of %q: %w", owner, err)
	}
	defer rows.Close()
	marks := map[string]string{}
	for rows.Next() {
		var login, mark string
		if err := rows.Scan(&login, &mark); err != nil {
			return nil, fmt.Errorf("list logins of %q: %w", owner, err)
		}
		marks[login] = mark
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list logins of %q: %w", owner, err)
	}
	return marks, nil
}

// LockLogin keeps a login out, ends its sessions, and gives what it owns itself
// to the owner role. One that is locked or absent is left alone.
func (s *Server) LockLogin(ctx context.Context, database, owner, login string) error {
	pool, err := s.connect(ctx)
	if err != nil {
		return err
	}
	comment, _, found, err := roleOf(ctx, pool, login)
	if err == nil && found && comment != "" {
		err = s.lock(ctx, pool, database, owner, login)
	}
	if err != nil {
		return fmt.Errorf("lock login %q: %w", login, err)
	}
	return nil
}

func (s *Server) lock(ctx context.Context, pool *pgxpool.Pool, database, owner, login string) error {
	if err := run(ctx, pool, "alter role "+quoted(login)+" nologin password null"); err != nil {
		return err
	}
	if err := terminate(ctx, pool, login); err != nil {
		return err
	}
	if err := s.reassign(ctx, pool, database, owner, login); err != nil {
		return err
	}
	return run(ctx, pool, "comment on role "+quoted(login)+" is null") // last: it says that all is done
}

// terminate ends the sessions of a login.
func terminate(ctx context.Context, pool *pgxpool.Pool, login string) error {
	_, err := pool.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where usename = $1`, login)
	return err
}

// reassign gives the owner role what logins own themselves, as they do when they
// have said RESET ROLE.
func (s *Server) reassign(ctx context.Context, pool *pgxpool.Pool, database, owner string, logins ...string) (err error) {
	conn, err := s.in(ctx, pool, database)
	if codeOf(err) == codeNoSuchDatabase {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for _, login := range logins {
		if _, err := conn.Exec(ctx, "reassign owned by "+quoted(login)+" to "+quoted(owner)); err != nil {
			return err
		}
	}
	return nil
}

// scramRounds is PostgreSQL's own default.
const scramRounds = 4096

// scram is what a server keeps of a password, as RFC 5803 and PostgreSQL write it.
func scram(password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramRounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive a verifier: %w", err)
	}
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramRounds, encode(salt), encode(stored[:]), encode(keyed(salted, "Server Key"))), nil
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
