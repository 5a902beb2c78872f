package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/kernel/dialect"
)

// Subject is an object that policies judged.
type Subject struct {
	APIVersion, Kind, Namespace, Name, UID string
	// Tenant is empty outside of tenants.
	Tenant string
}

// Store keeps results. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	dialect dialect.Dialect
	clock   clock.PassiveClock
	// waived hears of results that an override begins to waive; may be nil.
	waived Waived
}

// Waived is told of a result that an override waives since now, before the result
// is kept. Where it fails nothing is kept, so that it is told again.
type Waived func(ctx context.Context, subject Subject, result policy.Result) error

// OnWaived has a function called. It is called before anything is put.
func (s *Store) OnWaived(waived Waived) { s.waived = waived }

// Open returns a store over a database and makes its tables. Name is the dialect,
// sqlite or postgres. The caller closes the database.
func Open(ctx context.Context, db *sql.DB, name string, clock clock.PassiveClock) (*Store, error) {
	s := &Store{db: db, dialect: dialect.Dialect(name), clock: clock}
	if err := s.dialect.Migrate(ctx, db, schema); err != nil {
		return nil, fmt.Errorf("make the tables of policy results: %w", err)
	}
	return s, nil
}

// Judgement is a subject with everything that policies say of it.
type Judgement struct {
	Subject Subject
	Results []policy.Result
}

// Put replaces the results of subjects, all or none.
func (s *Store) Put(ctx context.Context, judgements ...Judgement) error {
	err := s.within(ctx, func(tx *sql.Tx) error {
		for _, judgement := range judgements {
			if err := s.put(ctx, tx, judgement); err != nil {
				return fmt.Errorf("%s %s: %w", judgement.Subject.Kind, judgement.Subject.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep policy results: %w", err)
	}
	return nil
}

// Delete forgets subjects by their UID, and records that their results ended.
func (s *Store) Delete(ctx context.Context, uids ...string) error {
	err := s.within(ctx, func(tx *sql.Tx) error {
		for _, uid := range uids {
			if err := s.remove(ctx, tx, uid); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget policy results: %w", err)
	}
	return nil
}

// within runs work in a transaction.
func (s *Store) within(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := s.inTurn(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// writers is the number of the lock that writers to PostgreSQL take.
const writers = 0x706f6c696379 // "policy"

// inTurn has one transaction write at a time: changes then become visible in the
// order of their revisions, and who watches from one misses none. SQLite does so
// by itself.
func (s *Store) inTurn(ctx context.Context, tx *sql.Tx) error {
	if s.dialect != dialect.Postgres {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(writers))
	return err
}

// kept is a stored result.
type kept struct {
	result policy.Result
	since  int64
}

// put replaces the results of one subject, and writes only what differs.
func (s *Store) put(ctx context.Context, tx *sql.Tx, j Judgement) error {
	id, known, err := s.find(ctx, tx, j.Subject.UID)
	if err != nil {
		return err
	}
	if !known && len(j.Results) == 0 {
		return nil
	}
	if !known {
		if id, err = s.add(ctx, tx, j.Subject); err != nil {
			return err
		}
	}
	before, err := s.resultsOf(ctx, tx, id)
	if err != nil {
		return err
	}
	revision, err := s.change(ctx, tx, id, j, before)
	if err != nil {
		return err
	}
	if revision == 0 {
		_, err = tx.ExecContext(ctx, s.dialect.Words(`UPDATE policy_subjects SET tenant = ? WHERE id = ? AND tenant <> ?`), j.Subject.Tenant, id, j.Subject.Tenant)
		return err
	}
	_, err = tx.ExecContext(ctx, s.dialect.Words(`UPDATE policy_subjects SET api_version = ?, name = ?, tenant = ?, revision = ? WHERE id = ?`),
		j.Subject.APIVersion, j.Subject.Name, j.Subject.Tenant, revision, id)
	return err
}

// change writes the differences and returns the last revision; 0 when nothing differs.
func (s *Store) change(ctx context.Context, tx *sql.Tx, id int64, j Judgement, before map[ruleKey]kept) (int64, error) {
	var last int64
	told := map[ruleKey]bool{}
	for _, result := range unique(j.Results) {
		key := ruleKey{result.Policy, result.Rule}
		old, known := before[key]
		delete(before, key)
		if known && same(old.result, result) {
			continue
		}
		if err := s.tell(ctx, j.Subject, old.result, result, told); err != nil {
			return 0, err
		}
		revision, err := s.write(ctx, tx, id, j.Subject, old, result)
		if err != nil {
			return 0, err
		}
		last = revision
	}
	for key, old := range before {
		if _, err := tx.ExecContext(ctx, s.dialect.Words(`DELETE FROM policy_results WHERE subject = ? AND policy = ? AND rule = ?`), id, key.policy, key.rule); err != nil {
			return 0, err
		}
		revision, err := s.record(ctx, tx, j.Subject, old.result, policy.Result{Policy: key.policy, Rule: key.rule})
		if err != nil {
			return 0, err
		}
		last = revision
	}
	return last, nil
}

// tell says that an override begins to waive a result; of several rules of a policy
// once.
func (s *Store) tell(ctx context.Context, subject Subject, before, after policy.Result, told map[ruleKey]bool) error {
	key := ruleKey{after.Policy, after.Override}
	if s.waived == nil || after.Override == "" || after.Override == before.Override || told[key] {
		return nil
	}
	told[key] = true
	return s.waived(ctx, subject, after)
}

// ruleKey names a result of a subject.
type ruleKey struct{ policy, rule string }

// unique keeps the worst of several results of one rule, in a fixed order.
func unique(results []policy.Result) []policy.Result {
	worst := map[ruleKey]policy.Result{}
	var order []ruleKey
	for _, result := range results {
		key := ruleKey{result.Policy, result.Rule}
		old, known := worst[key]
		if !known {
			order = append(order, key)
		}
		if !known || rank(result.Status) > rank(old.Status) {
			worst[key] = result
		}
	}
	kept := make([]policy.Result, len(order))
	for i, key := range order {
		kept[i] = worst[key]
	}
	return kept
}

func rank(status policy.Status) int {
	return slices.Index([]policy.Status{policy.Skip, policy.Pass, policy.Warn, policy.Fail, policy.Error}, status)
}

func same(a, b policy.Result) bool {
	return a.Status == b.Status && a.Message == b.Message && a.Tier == b.Tier && a.Lane == b.Lane && a.Override == b.Override &&
		a.Kind == b.Kind && a.Severity == b.Severity && a.Category == b.Category
}

// write stores one result and records its change.
func (s *Store) write(ctx context.Context, tx *sql.Tx, id int64, subject Subject, old kept, r policy.Result) (int64, error) {
	since := old.since
	if old.result.Status != r.Status {
		since = s.clock.Now().UnixMilli()
	}
	_, err := tx.ExecContext(ctx, s.dialect.Words(`INSERT INTO policy_results
		(subject, policy, rule, policy_kind, tier, lane, status, message, waived_by, severity, category, since)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (subject, policy, rule) DO UPDATE SET policy_kind = excluded.policy_kind, tier = excluded.tier, lane = excluded.lane,
		status = excluded.status, message = excluded.message, waived_by = excluded.waived_by, severity = excluded.severity,
		category = excluded.category, since = excluded.since`),
		id, r.Policy, r.Rule, r.Kind, r.Tier, r.Lane, r.Status, r.Message, r.Override, r.Severity, r.Category, since)
	if err != nil {
		return 0, err
	}
	return s.record(ctx, tx, subject, old.result, r)
}

// record adds a change and returns its revision.
func (s *Store) record(ctx context.Context, tx *sql.Tx, subject Subject, before, after policy.Result) (int64, error) {
	var revision int64
	err := tx.QueryRowContext(ctx, s.dialect.Words(`INSERT INTO policy_changes
		(at, uid, api_version, kind, namespace, name, tenant, policy, rule, before, after, message, waived_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING revision`),
		s.clock.Now().UnixMilli(), subject.UID, subject.APIVersion, subject.Kind, subject.Namespace, subject.Name, subject.Tenant,
		after.Policy, after.Rule, before.Status, after.Status, after.Message, after.Override).Scan(&revision)
	return revision, err
}

func (s *Store) find(ctx context.Context, tx *sql.Tx, uid string) (id int64, known bool, err error) {
	err = tx.QueryRowContext(ctx, s.dialect.Words(`SELECT id FROM policy_subjects WHERE uid = ?`), uid).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return id, err == nil, err
}

func (s *Store) add(ctx context.Context, tx *sql.Tx, subject Subject) (id int64, err error) {
	err = tx.QueryRowContext(ctx, s.dialect.Words(`INSERT INTO policy_subjects (uid, api_version, kind, namespace, name, tenant, revision)
		VALUES (?, ?, ?, ?, ?, ?, 0) RETURNING id`),
		subject.UID, subject.APIVersion, subject.Kind, subject.Namespace, subject.Name, subject.Tenant).Scan(&id)
	return id, err
}

// resultsOf reads the stored results of a subject.
func (s *Store) resultsOf(ctx context.Context, tx *sql.Tx, id int64) (map[ruleKey]kept, error) {
	rows, err := tx.QueryContext(ctx, s.dialect.Words(`SELECT policy, rule, policy_kind, tier, lane, status, message, waived_by, severity, category, since
		FROM policy_results WHERE subject = ?`), id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has what matters
	found := map[ruleKey]kept{}
	for rows.Next() {
		var k kept
		r := &k.result
		if err := rows.Scan(&r.Policy, &r.Rule, &r.Kind, &r.Tier, &r.Lane, &r.Status, &r.Message, &r.Override, &r.Severity, &r.Category, &k.since); err != nil {
			return nil, err
		}
		found[ruleKey{r.Policy, r.Rule}] = k
	}
	return found, rows.Err()
}

// remove forgets one subject.
func (s *Store) remove(ctx context.Context, tx *sql.Tx, uid string) error {
	var subject Subject
	var id int64
	err := tx.QueryRowContext(ctx, s.dialect.Words(`SELECT id, uid, api_version, kind, namespace, name, tenant FROM policy_subjects WHERE uid = ?`), uid).
		Scan(&id, &subject.UID, &subject.APIVersion, &subject.Kind, &subject.Namespace, &subject.Name, &subject.Tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	before, err := s.resultsOf(ctx, tx, id)
	if err != nil {
		return err
	}
	if _, err := s.change(ctx, tx, id, Judgement{Subject: subject}, before); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, s.dialect.Words(`DELETE FROM policy_subjects WHERE id = ?`), id)
	return err
}
