package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Query chooses what is read. An empty field chooses everything.
type Query struct {
	Namespace, Tenant, UID, Policy string
	// Override chooses results that the override waives.
	Override string
	// Clustered chooses subjects without a namespace, Namespaced those with one.
	Clustered, Namespaced bool
	// Status chooses results of one status.
	Status policy.Status
	// Since chooses changes from a time on; reports are chosen whatever their age.
	Since time.Time
	// After is the UID after which a page begins, Limit its size in subjects; 0
	// is everything.
	After string
	Limit int
}

// Report is what is known of one subject.
type Report struct {
	Judgement
	// Since says, for each result, since when its status is what it is.
	Since []time.Time
	// Revision is that of the last change.
	Revision int64
}

// Reports returns what is known of subjects, in the order of their UIDs. A
// subject without a result that is asked for is left out.
func (s *Store) Reports(ctx context.Context, q Query) ([]Report, error) {
	subjects, args := q.subjects()
	results, more := q.results()
	args = append(args, more...)
	rows, err := s.db.QueryContext(ctx, s.dialect.Words(`SELECT s.uid, s.api_version, s.kind, s.namespace, s.name, s.tenant, s.revision,
		r.policy, r.rule, r.policy_kind, r.tier, r.lane, r.status, r.message, r.waived_by, r.severity, r.category, r.since
		FROM (`+subjects+`) s JOIN policy_results r ON r.subject = s.id WHERE 1 = 1`+results+` ORDER BY s.uid, r.policy, r.rule`), args...)
	if err != nil {
		return nil, fmt.Errorf("read policy results: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has what matters
	reports, err := collect(rows)
	if err != nil {
		return nil, fmt.Errorf("read policy results: %w", err)
	}
	return reports, nil
}

// subjects selects a page of subjects that have a result asked for.
func (q Query) subjects() (string, []any) {
	chosen, args := q.places([]any{q.After})
	text := `SELECT * FROM policy_subjects WHERE uid > ?` + chosen
	if q.Clustered {
		text += " AND namespace = ''"
	}
	if q.Namespaced {
		text += " AND namespace <> ''"
	}
	results, more := q.results()
	text += ` AND EXISTS (SELECT 1 FROM policy_results r WHERE r.subject = policy_subjects.id` + results + `) ORDER BY uid`
	args = append(args, more...)
	if q.Limit > 0 {
		text += " LIMIT ?"
		args = append(args, q.Limit)
	}
	return text, args
}

// places are the conditions on where a subject is, with their arguments after
// those given.
func (q Query) places(args []any) (string, []any) {
	var text strings.Builder
	for _, condition := range []struct{ sql, value string }{{" AND namespace = ?", q.Namespace}, {" AND tenant = ?", q.Tenant}, {" AND uid = ?", q.UID}} {
		if condition.value != "" {
			text.WriteString(condition.sql)
			args = append(args, condition.value)
		}
	}
	return text.String(), args
}

// results are the conditions on results, named r.
func (q Query) results() (string, []any) {
	var text strings.Builder
	var args []any
	if q.Policy != "" {
		text.WriteString(" AND r.policy = ?")
		args = append(args, q.Policy)
	}
	if q.Status != "" {
		text.WriteString(" AND r.status = ?")
		args = append(args, q.Status)
	}
	if q.Override != "" {
		text.WriteString(" AND r.waived_by = ?")
		args = append(args, q.Override)
	}
	return text.String(), args
}

// collect groups rows by subject.
func collect(rows *sql.Rows) ([]Report, error) {
	var reports []Report
	for rows.Next() {
		var next Report
		var r policy.Result
		var since int64
		s := &next.Subject
		if err := rows.Scan(&s.UID, &s.APIVersion, &s.Kind, &s.Namespace, &s.Name, &s.Tenant, &next.Revision,
			&r.Policy, &r.Rule, &r.Kind, &r.Tier, &r.Lane, &r.Status, &r.Message, &r.Override, &r.Severity, &r.Category, &since); err != nil {
			return nil, err
		}
		if len(reports) == 0 || reports[len(reports)-1].Subject.UID != s.UID {
			reports = append(reports, next)
		}
		last := &reports[len(reports)-1]
		last.Results = append(last.Results, r)
		last.Since = append(last.Since, time.UnixMilli(since).UTC())
	}
	return reports, rows.Err()
}

// Change is a result that changed.
type Change struct {
	Revision int64
	At       time.Time
	Subject  Subject
	// Policy and Rule name the result; Before or After is empty where there was
	// or is none.
	Policy, Rule  string
	Before, After policy.Status
	Message       string
	Override      string
}

// Changes returns at most limit changes after a revision, oldest first; limit 0
// is all. Namespace, Tenant, UID, Policy and Since of the query choose.
func (s *Store) Changes(ctx context.Context, q Query, after int64, limit int) ([]Change, error) {
	chosen, args := q.places([]any{after})
	text := `SELECT revision, at, uid, api_version, kind, namespace, name, tenant, policy, rule, before, after, message, waived_by
		FROM policy_changes WHERE revision > ?` + chosen
	if q.Policy != "" {
		text += " AND policy = ?"
		args = append(args, q.Policy)
	}
	if !q.Since.IsZero() {
		text += " AND at >= ?"
		args = append(args, q.Since.UnixMilli())
	}
	text += " ORDER BY revision"
	if limit > 0 {
		text += " LIMIT ?"
		args = append(args, limit)
	}
	rows, err := s.db.QueryContext(ctx, s.dialect.Words(text), args...)
	if err != nil {
		return nil, fmt.Errorf("read changes of policy results: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has what matters
	var changes []Change
	for rows.Next() {
		var c Change
		var at int64
		if err := rows.Scan(&c.Revision, &at, &c.Subject.UID, &c.Subject.APIVersion, &c.Subject.Kind, &c.Subject.Namespace, &c.Subject.Name,
			&c.Subject.Tenant, &c.Policy, &c.Rule, &c.Before, &c.After, &c.Message, &c.Override); err != nil {
			return nil, fmt.Errorf("read changes of policy results: %w", err)
		}
		c.At = time.UnixMilli(at).UTC()
		changes = append(changes, c)
	}
	return changes, rows.Err()
}

// Revision is that of the newest change; 0 before the first.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	var revision sql.NullInt64
	err := s.db.QueryRowContext(ctx, `SELECT MAX(revision) FROM policy_changes`).Scan(&revision)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read the revision of policy results: %w", err)
	}
	return revision.Int64, nil
}

// UIDs are those of all subjects: who compares them with what exists finds what
// was deleted meanwhile.
func (s *Store) UIDs(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT uid FROM policy_subjects ORDER BY uid`)
	if err != nil {
		return nil, fmt.Errorf("read the subjects of policy results: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has what matters
	var uids []string
	for rows.Next() {
		var uid string
		if err := rows.Scan(&uid); err != nil {
			return nil, fmt.Errorf("read the subjects of policy results: %w", err)
		}
		uids = append(uids, uid)
	}
	return uids, rows.Err()
}

// Prune drops changes older than a time, but the newest, so that revisions go on.
func (s *Store) Prune(ctx context.Context, before time.Time) (int64, error) {
	done, err := s.db.ExecContext(ctx, s.dialect.Words(`DELETE FROM policy_changes WHERE at < ? AND revision < (SELECT MAX(revision) FROM policy_changes)`), before.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("drop old changes of policy results: %w", err)
	}
	return done.RowsAffected()
}
