// Package webhook decides on requests in the API server's stead, for the
// policies that the API server cannot evaluate: those that look things up,
// decide on images, or are legacy.
//
// What always holds:
//   - Only the resources and operations that such a policy may concern are sent
//     here, and of Pods under a policy about images only those that name one of
//     its images.
//   - A policy about images fails closed for the images it names: when nobody
//     answers, they are refused, and nothing else is. Every other policy fails
//     open, unless it says itself that it must not (failurePolicy: Fail). What
//     is to hold whatever happens belongs in the native lane.
//   - Whoever is asked answers before the API server stops waiting: a policy that
//     blocks is not passed by being slow.
//   - The system's namespaces never depend on an answer from here.
//   - A request in, a response out: nothing is written. Metrics have a bounded
//     number of series.
package webhook
