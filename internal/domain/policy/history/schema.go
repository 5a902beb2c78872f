package history

// schema makes the tables; {id} is the dialect's column that numbers itself.
const schema = `
CREATE TABLE IF NOT EXISTS policy_subjects (
	id {id},
	uid TEXT NOT NULL UNIQUE,
	api_version TEXT NOT NULL,
	kind TEXT NOT NULL,
	namespace TEXT NOT NULL,
	name TEXT NOT NULL,
	tenant TEXT NOT NULL,
	revision BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS policy_subjects_place ON policy_subjects (namespace, uid);
CREATE INDEX IF NOT EXISTS policy_subjects_tenant ON policy_subjects (tenant, uid);
CREATE TABLE IF NOT EXISTS policy_results (
	subject BIGINT NOT NULL REFERENCES policy_subjects (id) ON DELETE CASCADE,
	policy TEXT NOT NULL,
	rule TEXT NOT NULL,
	policy_kind TEXT NOT NULL,
	tier TEXT NOT NULL,
	lane TEXT NOT NULL,
	status TEXT NOT NULL,
	message TEXT NOT NULL,
	waived_by TEXT NOT NULL,
	severity TEXT NOT NULL,
	category TEXT NOT NULL,
	since BIGINT NOT NULL,
	PRIMARY KEY (subject, policy, rule)
);
CREATE INDEX IF NOT EXISTS policy_results_policy ON policy_results (policy, status);
CREATE TABLE IF NOT EXISTS policy_changes (
	revision {id},
	at BIGINT NOT NULL,
	uid TEXT NOT NULL,
	api_version TEXT NOT NULL,
	kind TEXT NOT NULL,
	namespace TEXT NOT NULL,
	name TEXT NOT NULL,
	tenant TEXT NOT NULL,
	policy TEXT NOT NULL,
	rule TEXT NOT NULL,
	before TEXT NOT NULL,
	after TEXT NOT NULL,
	message TEXT NOT NULL,
	waived_by TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS policy_changes_at ON policy_changes (at);
`
