// Package lane runs the engine and legacy lanes: the webhooks by which Roadbed
// judges what the API server cannot.
//
// Data flow: policies in force -> the sets that the webhooks judge by, at once,
// in every replica -> the webhook configurations roadbed-policy, written by the
// one that leads, which tell the API server what to ask.
//
// What always holds:
//   - Nothing is judged before every policy that was there at the start has been
//     read: until then the webhooks give no answer, and the failure policy of
//     each decides. Nor is a configuration written before that.
//   - A configuration is brought back as a whole when somebody changes it, and
//     removed when no policy needs it.
//   - While a Kyverno enforces, or where the webhooks cannot be reached, there is
//     no configuration.
//   - Every write is on the trail before it is made.
package lane
