package override

import (
	"fmt"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// AuditKey is the key of the audit annotation that names the overrides which
// covered a request.
const AuditKey = "overrides"

// ParamKind is the ledger's kind, for admission policies with a Clause.
func ParamKind() *admissionregistrationv1.ParamKind {
	return &admissionregistrationv1.ParamKind{APIVersion: v1alpha1.GroupVersion.String(), Kind: "OverrideLedger"}
}

// ParamRef is the policy's ledger, for bindings of admission policies with a
// Clause of it. Without a ledger such a policy does not apply: to refuse instead would refuse
// good objects as well as bad ones. Nobody but Roadbed can delete the ledger,
// and policies that are Mandatory do not read it.
func ParamRef(policy string) *admissionregistrationv1.ParamRef {
	return &admissionregistrationv1.ParamRef{Name: ShardOf(policy), ParameterNotFoundAction: new(admissionregistrationv1.AllowAction)}
}

// Clause is a CEL expression, true when an override in force covers the rule of
// the policy for the request at hand. It belongs into an admission policy whose
// parameter is the ledger: a validation V that may be waived becomes
//
//	(V) || Clause(policy, rule)
//
// and covers a V that cannot be evaluated too. The expression never fails on
// any request. It looks at the ledger's entries of the one policy only.
func Clause(policy, rule string) string {
	name := strconv.Quote(policy)
	return fmt.Sprintf("(%s in params.spec.policies && params.spec.policies[%s].exists(w, %s && %s))", name, name, ruleClause(rule), scopeClause)
}

// Annotation is a CEL expression for an audit annotation with the key AuditKey:
// the names of the overrides in force that cover any rule of the policy for the
// request, separated by commas; empty, which annotates nothing, when there are
// none. The expression never fails on any request.
func Annotation(policy string) string {
	name := strconv.Quote(policy)
	return fmt.Sprintf("!(%s in params.spec.policies) ? '' : params.spec.policies[%s].filter(w, %s).map(w, w.override).join(',')", name, name, scopeClause)
}

// ruleClause is true of an entry w that is about the rule.
func ruleClause(rule string) string {
	alternatives := []string{"w.rules.size() == 0"}
	for _, name := range namesOf(rule) {
		alternatives = append(alternatives, strconv.Quote(name)+" in w.rules")
	}
	return "(" + strings.Join(alternatives, " || ") + ")"
}

// generated begin the names of rules that autogen makes of a rule, the longest
// first.
var generated = []string{"autogen-cronjob-", "autogen-"}

// namesOf are the names by which an override may mean the rule: its own, and
// that of the rule it was generated from.
func namesOf(rule string) []string {
	for _, prefix := range generated {
		if original, ok := strings.CutPrefix(rule, prefix); ok && original != "" {
			return []string{rule, original}
		}
	}
	return []string{rule}
}

// scopeClause is true of an entry w that is about the request's object and time.
const scopeClause = tenantClause + " && " + namespaceClause + " && " + kindClause + " && " + nameClause + " && " + timeClause

const (
	tenantClause = "(w.tenants.size() == 0 || namespaceObject != null && " +
		"namespaceObject.?metadata.?labels[?'" + tenancyv1alpha1.LabelTenant + "'].orValue('') in w.tenants)"

	namespaceClause = "(w.namespaces.size() == 0 || request.?namespace.orValue('') in w.namespaces)"

	kindClause = "(w.kinds.size() == 0 || request.kind.kind in w.kinds || (request.kind.kind + '.' + request.kind.?group.orValue('')) in w.kinds)"

	// The API server generates a name after mutation and before validation, and
	// does not tell the request. While there is none, the beginning of the name
	// is all there is. When a collection is deleted, only the old objects have
	// names.
	nameClause = "(w.names == '' || " +
		"optional.ofNonZeroValue(request.?name.orValue(''))" +
		".or(optional.ofNonZeroValue(" + subject + ".?metadata.?name.orValue('')))" +
		".or(optional.ofNonZeroValue(" + subject + ".?metadata.?generateName.orValue('')))" +
		".orValue('').matches(w.names))"

	// Nothing tells the time, but what the API server has just written into the
	// object does: when it was created, and when which field manager changed it
	// last. A time that is not before the expiry proves that the override is
	// over; nobody gains by forging one.
	timeClause = "(object == null || " +
		"!(request.operation == 'CREATE' && object.?metadata.?creationTimestamp.orValue(null) != null && " +
		"timestamp(object.metadata.creationTimestamp) >= timestamp(w.expiresAt)) && " +
		"!object.?metadata.?managedFields.orValue([]).exists(m, m.?time.orValue(null) != null && timestamp(m.time) >= timestamp(w.expiresAt)))"

	subject = "(object != null ? dyn(object) : oldObject != null ? dyn(oldObject) : dyn({}))"
)
