// Package quota is the arithmetic of tenancy: which resources a quota covers,
// what a tenant's quota is, how it is divided over namespaces, and how shares
// of a business unit's envelope are reserved and released.
//
// What always holds: the shares of a split never add up to more than the
// total; a reservation is refused as a whole or granted as a whole; no
// function changes its arguments. Everything is pure and exact: no quantity
// passes through a float.
package quota
