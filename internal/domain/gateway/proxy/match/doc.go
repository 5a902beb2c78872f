// Package match finds the rule of a request as Gateway API orders them: the most
// specific host name, then an exact path, the longest prefix, a method, the most
// headers, the most query parameters, the oldest route, the first name, the
// first rule.
//
// What Gateway API leaves open is decided so:
//
//   - A regular expression for paths ranks as a prefix of its literal beginning
//     does, and before a prefix as long: "/v[0-9]+/x" is preferred to "/" and
//     "/v" but not to "/v1".
//   - When no rule of the most specific host matches, those of less specific
//     hosts of the same listener are tried.
//   - A header that was sent more than once is compared as one value, joined by
//     commas; of a query parameter the first is compared.
//
// Paths are compared, and sent on, in the form that Clean gives them.
//
// A Table is immutable and safe for any number of goroutines; a Builder belongs
// to one at a time. Finding allocates nothing, whatever the number of routes.
package match
