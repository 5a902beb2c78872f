// Package limit counts requests against the budgets of rate limit policies.
//
// A budget belongs to a policy and to whom its scope tells apart, never to a
// route or listener: a thousand routes that name one policy share it. It is kept
// as the generic cell rate algorithm (GCRA) has it, as one moment: when the
// budget is whole again. A request moves it on by the unit divided by the number
// of requests, and passes unless that gets further ahead than the burst. So the
// rate is exact at any load, one compare-and-swap long, and needs no timer.
//
//	LimitRequest -> budget of the policy's name -> cell of the caller -> Decision
//	                                                 \-> Store, where processes share
//
// What always holds: memory is bounded, and cells whose budget is whole are
// given up first, for they say the same as none; a changed rate keeps the share
// of the budget that is spent; a process that shares its budgets never lets more
// pass than the Store granted it, unless the policy says what holds while the
// Store is gone.
//
// Processes share either through their leader, which is a Lessor over its own
// Limiter and whom the others ask through a Remote, or through any other Store,
// such as Redis.
package limit
