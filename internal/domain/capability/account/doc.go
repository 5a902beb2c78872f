// Package account is the identity that a capability has in a tenant: which
// account it is, what it may do there, and the native rules that keep everybody
// else from acting as it.
//
// The accounts of all capabilities and tenants are names in a namespace of their
// own, Namespace, in which nothing exists: no ServiceAccount object, so there is
// no token to be had and no pod can run as one. Roadbed acts as an account by
// impersonation, which a Role of that one namespace lets it. What an account may
// do is a Role in the tenant's namespace, one for each revision that is in use
// there, with the permissions that the revision declares and no others.
//
// What always holds, while Roadbed is down too: nothing is created in Namespace;
// no binding but Roadbed's own names an account; an account is bound in its own
// tenant's namespace and nowhere else, never cluster-wide; and no such Role
// reaches beyond what Check allows, whoever writes it.
package account
