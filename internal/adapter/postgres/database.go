package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// database is what the catalogue says of one.
type database struct {
	comment, owner string
	// open is whether anybody may connect at all.
	open  bool
	limit int
	// grants are who has which privileges, such as "PUBLIC CONNECT", sorted;
	// those of the administrator left out.
	grants []string
}

// EnsureDatabase makes a database and its owner role, both marked, closed to
// everybody else and with at most so many connections. What already is as it
// should be is not written. A database or role of that name with another mark is
// an error.
func (s *Server) EnsureDatabase(ctx context.Context, name, owner, mark string, connections int) error {
	pool, err := s.connect(ctx)
	if err != nil {
		return err
	}
	a, err := s.account(ctx, pool)
	if err != nil {
		return err
	}
	if err := ensureOwner(ctx, pool, a, owner, mark); err != nil {
		return fmt.Errorf("make role %q: %w", owner, err)
	}
	if err := s.ensureDatabase(ctx, pool, a, name, owner, mark, connections); err != nil {
		return fmt.Errorf("make database %q: %w", name, err)
	}
	return nil
}

// errForeign says that something of the name belongs to somebody else.
var errForeign = errors.New("it exists already and does not belong to this claim: rename or drop it")

func ensureOwner(ctx context.Context, pool *pgxpool.Pool, a account, owner, mark string) error {
	comment, member, found, err := roleOf(ctx, pool, owner)
	switch {
	case err != nil:
		return err
	case !found:
		return inTransaction(ctx, pool,
			"create role "+quoted(owner)+" nologin nosuperuser nocreatedb nocreaterole inherit",
			"comment on role "+quoted(owner)+" is "+literal(mark),
			grantSelf(a, owner))
	case comment != mark:
		return errForeign
	case !member:
		return run(ctx, pool, grantSelf(a, owner))
	}
	return nil
}

// roleOf reads a role's mark, and whether the administrator is a member of it.
func roleOf(ctx context.Context, pool *pgxpool.Pool, role string) (comment string, member, found bool, err error) {
	err = pool.QueryRow(ctx, `select coalesce(shobj_description(oid, 'pg_authid'), ''), pg_has_role(current_user, oid, 'member')
		from pg_roles where rolname = $1`, role).Scan(&comment, &member)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, false, nil
	}
	return comment, member, err == nil, err
}

// grantSelf makes the administrator a member of a role, as who is no superuser
// must be to act for it.
func grantSelf(a account, role string) string {
	if a.super {
		return ""
	}
	return "grant " + quoted(role) + " to current_user"
}

func (s *Server) ensureDatabase(ctx context.Context, pool *pgxpool.Pool, a account, name, owner, mark string, connections int) error {
	is, found, err := databaseOf(ctx, pool, name)
	if err != nil {
		return err
	}
	if !found {
		// Template0 holds nothing that others have added.
		if err := run(ctx, pool, "create database "+quoted(name)+" template template0 encoding 'UTF8' allow_connections false"); err != nil {
			return err
		}
		if is, _, err = databaseOf(ctx, pool, name); err != nil {
			return err
		}
	}
	if is.owner != a.name || (is.comment != mark && is.comment != "") {
		return errForeign
	}
	if err := closeTo(ctx, pool, is, name, owner); err != nil {
		return err
	}
	if is.limit != connections {
		if err := run(ctx, pool, fmt.Sprintf("alter database %s connection limit %d", quoted(name), connections)); err != nil {
			return err
		}
	}
	if !is.open {
		if err := run(ctx, pool, "alter database "+quoted(name)+" allow_connections true"); err != nil {
			return err
		}
	}
	if is.comment == mark {
		return nil
	}
	if err := s.giveSchema(ctx, pool, a, name, owner); err != nil {
		return err
	}
	return run(ctx, pool, "comment on database "+quoted(name)+" is "+literal(mark)) // last: it says that all is done
}

// databaseOf reads the catalogue.
func databaseOf(ctx context.Context, pool *pgxpool.Pool, name string) (is database, found bool, err error) {
	err = pool.QueryRow(ctx, `select coalesce(shobj_description(d.oid, 'pg_database'), ''), pg_get_userbyid(d.datdba), d.datallowconn, d.datconnlimit,
		array(select case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end || ' ' || x.privilege_type
			from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x where x.grantee <> d.datdba order by 1)
		from pg_database d where d.datname = $1`, name).
		Scan(&is.comment, &is.owner, &is.open, &is.limit, &is.grants)
	if errors.Is(err, pgx.ErrNoRows) {
		return database{}, false, nil
	}
	return is, err == nil, err
}

// closeTo lets the owner role in and nobody else.
func closeTo(ctx context.Context, pool *pgxpool.Pool, is database, name, owner string) error {
	var statements []string
	wanted := []string{"CONNECT", "CREATE", "TEMPORARY"}
	var had int
	for _, grant := range is.grants {
		grantee, privilege := cutLast(grant)
		if grantee == quotedIfNeeded(owner) && slices.Contains(wanted, privilege) {
			had++
			continue
		}
		statements = append(statements, fmt.Sprintf("revoke %s on database %s from %s cascade", privilege, quoted(name), grantee))
	}
	if had < len(wanted) {
		statements = append(statements, fmt.Sprintf("grant connect, create, temporary on database %s to %s", quoted(name), quoted(owner)))
	}
	if len(statements) == 0 {
		return nil
	}
	return inTransaction(ctx, pool, statements...)
}

// giveSchema makes the owner role own the schema public. Where the tenant has
// dropped it, or the administrator may not give it away (before PostgreSQL 15
// it belongs to the server's superuser, and everybody may create in it),
// nothing is done.
func (s *Server) giveSchema(ctx context.Context, pool *pgxpool.Pool, a account, name, owner string) error {
	conn, err := s.in(ctx, pool, name)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "alter schema public owner to "+quoted(owner))
	closed := conn.Close(ctx)
	code := codeOf(err)
	if code == codeNoSuchSchema || (code == codeInsufficient && a.version < 15) {
		return closed
	}
	return errors.Join(err, closed)
}

// Drop ends a database with all its connections, its logins and its owner role.
// What is not there counts as dropped; what has another mark is an error.
func (s *Server) Drop(ctx context.Context, name, owner, mark string, logins ...string) error {
	pool, err := s.connect(ctx)
	if err != nil {
		return err
	}
	is, found, err := databaseOf(ctx, pool, name)
	if err != nil {
		return fmt.Errorf("look for database %q: %w", name, err)
	}
	if found && is.comment != mark && is.comment != "" {
		return fmt.Errorf("drop database %q: %w", name, errForeign)
	}
	comment, _, ours, err := roleOf(ctx, pool, owner)
	if err != nil {
		return fmt.Errorf("look for role %q: %w", owner, err)
	}
	if ours && comment != mark {
		return fmt.Errorf("drop role %q: %w", owner, errForeign)
	}
	if !ours { // it goes last, so the rest is gone
		return nil
	}
	if err := run(ctx, pool, "drop database if exists "+quoted(name)+" with (force)"); err != nil {
		return fmt.Errorf("drop database %q: %w", name, err)
	}
	for _, role := range append(slices.Clone(logins), owner) {
		if err := dropRole(ctx, pool, role); err != nil {
			return fmt.Errorf("drop role %q: %w", role, err)
		}
	}
	return nil
}

// dropRole ends a role, its sessions, and what it may have left in the
// administrator's own database.
func dropRole(ctx context.Context, pool *pgxpool.Pool, role string) error {
	_, _, found, err := roleOf(ctx, pool, role)
	if err != nil || !found {
		return err
	}
	if err := terminate(ctx, pool, role); err != nil {
		return err
	}
	return inTransaction(ctx, pool, "drop owned by "+quoted(role), "drop role "+quoted(role))
}
