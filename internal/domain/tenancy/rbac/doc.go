// Package rbac holds the roles that tenancy rests on: those of tenants, of
// business units, of the platform's admins and of Roadbed itself, as YAML.
//
// Tenants get roles of our own and never Kubernetes' built-in edit and admin:
// those may impersonate the service accounts of a namespace, write endpoints,
// and so make somebody else's permissions or network access their own. What a
// tenant's roles allow is a chain: viewer and deployer are contained in
// developer, developer is contained in admin, so that an admin can bind any of
// them and hand out any part of them, and nothing else.
package rbac
