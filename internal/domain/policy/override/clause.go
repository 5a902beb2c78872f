package override

import (
	"strconv"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// AuditKey is the key of the audit annotation that names the overrides which
// covered a request.
const AuditKey = "overrides"

// covering is the variable that Clause and Annotation read: the entries that
// cover the request, whatever the rule.
const covering = "roadbedOverrides"

// Variables are what an admission policy is told of the waivers in force of the
// policy that it was made of: they belong at the end of its variables. There are
// none where nothing waives a whole rule, and then neither Clause nor Annotation
// have a place in it.
//
// An expression holds 100,000 characters, and so the entries are spread over as
// many variables as they need.
func Variables(waivers v1alpha1.Waivers) []admissionregistrationv1.Variable {
	texts := chunks(waivers)
	if len(texts) == 0 {
		return nil
	}
	if len(texts) == 1 {
		return []admissionregistrationv1.Variable{{Name: covering, Expression: covered(texts[0])}}
	}
	var variables []admissionregistrationv1.Variable
	var names []string
	for i, text := range texts {
		name := covering + strconv.Itoa(i)
		variables = append(variables, admissionregistrationv1.Variable{Name: name, Expression: covered(text)})
		names = append(names, "variables."+name)
	}
	return append(variables, admissionregistrationv1.Variable{Name: covering, Expression: strings.Join(names, " + ")})
}

// Clause is a CEL expression, true when an override in force covers the rule for
// the request at hand. It belongs into an admission policy that has Variables: a
// validation V that may be waived becomes
//
//	(V) || Clause(rule)
//
// and covers a V that cannot be evaluated too. The expression never fails on any
// request.
func Clause(rule string) string {
	return "variables." + covering + ".exists(w, " + ruleClause(rule) + ")"
}

// Annotation is a CEL expression for an audit annotation with the key AuditKey:
// the names of the overrides in force that cover any rule for the request,
// separated by commas; empty, which annotates nothing, when there are none. The
// expression never fails on any request.
func Annotation() string {
	return "variables." + covering + ".map(w, w[0]).join(',')"
}

// An entry w is a line whose fields are separated by tabs: the override, its
// rules, tenants, namespaces, kinds and end, and the pattern of names. A list has
// a comma before, between and after its items; one that is empty is empty.
const (
	lines  = "\n"
	fields = "\t"
	items  = ","
)

// chunks are the entries that waive whole rules, in texts that each fit into one
// expression. Those of single controls are not for the API server, which would
// waive the rule.
func chunks(waivers v1alpha1.Waivers) []string {
	var texts []string
	var chunk []string
	size := 0
	for _, w := range waivers {
		if len(w.PodSecurity) > 0 {
			continue
		}
		if size > 0 && size+textOf(w) > maxChunk {
			texts, chunk, size = append(texts, strings.Join(chunk, lines)), nil, 0
		}
		chunk, size = append(chunk, line(w)), size+textOf(w)
	}
	if len(chunk) > 0 {
		texts = append(texts, strings.Join(chunk, lines))
	}
	return texts
}

// line is an entry as text.
func line(w v1alpha1.Waiver) string {
	entry := []string{
		escaped.Replace(w.Override), list(w.Rules), list(w.Tenants), list(w.Namespaces), list(w.Kinds),
		w.ExpiresAt.UTC().Format(time.RFC3339), unbroken.Replace(w.Names),
	}
	return strings.ToValidUTF8(strings.Join(entry, fields), "\uFFFD")
}

func list(of []string) string {
	var text strings.Builder
	for _, one := range of {
		text.WriteString(items + escaped.Replace(one))
	}
	if len(of) > 0 {
		text.WriteString(items)
	}
	return text.String()
}

var (
	// escaped has none of the characters that separate. No name in Kubernetes has
	// one of those, or a per cent sign, and so none is changed by it.
	escaped = strings.NewReplacer("%", "%25", lines, "%0A", fields, "%09", items, "%2C")
	// unbroken is a regular expression that means the same on one line.
	unbroken = strings.NewReplacer(lines, `\n`, fields, `\t`)
)

// covered is the list of the text's entries that cover the request.
func covered(text string) string {
	return strconv.Quote(text) + `.split('\n').map(l, l.split('\t')).filter(w, ` + scopeClause + ")"
}

// ruleClause is true of an entry w that is about the rule.
func ruleClause(rule string) string {
	alternatives := []string{"w[1] == ''"}
	for _, name := range namesOf(rule) {
		alternatives = append(alternatives, "w[1].contains("+strconv.Quote(list([]string{name}))+")")
	}
	return strings.Join(alternatives, " || ")
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
	tenantClause = "(w[2] == '' || namespaceObject != null && " +
		"w[2].contains(',' + namespaceObject.?metadata.?labels[?'" + tenancyv1alpha1.LabelTenant + "'].orValue('') + ','))"

	namespaceClause = "(w[3] == '' || w[3].contains(',' + request.?namespace.orValue('') + ','))"

	kindClause = "(w[4] == '' || w[4].contains(',' + request.kind.kind + ',') || " +
		"w[4].contains(',' + request.kind.kind + '.' + request.kind.?group.orValue('') + ','))"

	// The API server generates a name after mutation and before validation, and
	// does not tell the request. While there is none, the beginning of the name
	// is all there is. When a collection is deleted, only the old objects have
	// names.
	nameClause = "(w[6] == '' || " +
		"optional.ofNonZeroValue(request.?name.orValue(''))" +
		".or(optional.ofNonZeroValue(" + subject + ".?metadata.?name.orValue('')))" +
		".or(optional.ofNonZeroValue(" + subject + ".?metadata.?generateName.orValue('')))" +
		".orValue('').matches(w[6]))"

	// Nothing tells the time, but what the API server has just written into the
	// object does: when it was created, and when which field manager changed it
	// last. A time that is not before the expiry proves that the override is
	// over; nobody gains by forging one.
	timeClause = "(object == null || " +
		"!(request.operation == 'CREATE' && object.?metadata.?creationTimestamp.orValue(null) != null && " +
		"timestamp(object.metadata.creationTimestamp) >= timestamp(w[5])) && " +
		"!object.?metadata.?managedFields.orValue([]).exists(m, m.?time.orValue(null) != null && timestamp(m.time) >= timestamp(w[5])))"

	subject = "(object != null ? dyn(object) : oldObject != null ? dyn(oldObject) : dyn({}))"
)
