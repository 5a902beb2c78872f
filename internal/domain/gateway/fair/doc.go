// Package fair lets requests in to backends, so that no backend gets more at a
// time than it can bear, and no tenant crowds the others out.
//
//	Enter -> room? in at once : the tenant's queue -> in, when it is the tenant's turn
//	                                 \-> shed, when queues are full: the longest first
//	Leave -> latency -> how many the backend bears -> next in turn
//
// How many a backend bears is found by trying: the limit grows while it is used
// and answers come about as fast as they usually do, shrinks as they slow down, and is
// cut when they fail. What is usual is seen now and then while the limit is used, by
// letting the backend have fewer for a moment, and all the time while it is not. One
// window of answers is chance: what is usual, and what is of late, are means of many.
//
// Whose turn it is: the tenant with the fewest requests at the backend for its
// weight, and among equals the one that was served least. While others could come
// no tenant has all of a backend: an eighth is kept free of it.
//
// What always holds: a request that finds room takes one lock and no memory;
// queues are bounded, in length and in time; who is turned away is turned away at
// once.
package fair
