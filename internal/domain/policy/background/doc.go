// Package background keeps the scan of existing objects at the policies and
// overrides in force: everything is judged again when policies or kinds change,
// and only what an override is about when overrides begin or end.
package background
