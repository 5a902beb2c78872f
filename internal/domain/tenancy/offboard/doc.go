// Package offboard is the procedure that ends a tenant, and what outlives it
// for a while: cordon, export, legal-hold check, drain, delete, residue report.
//
// What always holds: nothing is deleted before it was exported, nor while a
// legal hold is set; only namespaces that carry the tenant's and its business
// unit's labels are deleted; each stage is on the trail before it begins; what
// holds a namespace that is being deleted is named, with its owner, and the
// tenant's people keep their access to it until nothing else is left.
//
// To read everything of a namespace, Roadbed gives itself the role
// RoleOffboarder there, on record, and only while a tenant is offboarded.
package offboard
