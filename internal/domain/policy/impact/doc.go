// Package impact forecasts what policies would do: it evaluates new or changed
// policies over what exists and over requests that were recorded, and counts by
// policy, rule, tenant and team.
//
// Nothing is enforced, and nothing written. Requests come one at a time and are
// not kept; memory grows with the number of rules and tenants only. The same
// requests give the same forecast, in whatever order they come and however many
// workers there are.
package impact
