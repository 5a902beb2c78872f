// Package helm renders the objects of a claim from a Helm chart. The release is
// named after the claim and in its namespace; its values come from CEL over the
// claim. What is rendered is applied as the objects of a template are: as the
// capability's account, in Helm's order of kinds, repaired when it drifts and
// deleted when the chart no longer renders it. No release is kept in the cluster.
//
// What always holds:
//
//   - The same chart and values give the same objects. A chart that renders
//     differently each time, by randAlphaNum or now, is refused: its objects would
//     be written without end.
//   - Everything is in the claim's namespace. Definitions of kinds and hooks are
//     refused, because nobody would run them at the right time; hooks that are
//     tests are left out.
//   - A chart by URL is the one with its digest, and is loaded once.
//   - Helm's function lookup finds nothing.
package helm
