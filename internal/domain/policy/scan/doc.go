// Package scan judges what exists already by the policies in force, and keeps
// the results: the background scan.
//
// It lists each resource that a policy may concern once, page by page, and then
// watches it: nothing is polled, and no object is kept in memory. Everything is
// listed again only when the policies themselves change. When an override
// begins or ends, only the objects it is about are judged again.
//
// What always holds:
//   - An object is judged as if it were created now, by the policies that allow
//     for that (Info.Background).
//   - Results of objects that are gone, and of resources that no policy concerns
//     any more, are removed when the first pass after a start or a change of
//     policies is complete. A resource that cannot be listed is waited for ten
//     minutes, and holds up no judgement of others.
//   - A scan changes no object.
//
// One process scans: the one that leads.
package scan
