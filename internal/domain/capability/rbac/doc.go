// Package rbac holds Roadbed's rights for publishing capabilities, written in
// YAML. Rights to claims it has in the group claims.roadbed.dev alone; for a
// group of the organisation's own somebody has to grant them on purpose.
package rbac
