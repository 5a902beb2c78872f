package migrate

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/query"
)

// validating makes a ValidatingPolicy.
func (r *rewriting) validating() (client.Object, error) {
	spec := policiesv1.ValidatingPolicySpec{ValidationActions: r.actions()}
	var err error
	if r.rule.Validate.CEL != nil {
		err = at("validate", r.keptCEL(&spec))
	} else {
		err = at("validate", r.checked(&spec))
	}
	if err != nil {
		return nil, err
	}
	meta, err := r.meta()
	if err != nil {
		return nil, err
	}
	spec.MatchConstraints, spec.MatchConditions = r.matched, r.conditions
	spec.Autogen = &policiesv1.ValidatingPolicyAutogenConfiguration{PodControllers: r.controllers()}
	return &policiesv1.ValidatingPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policies.kyverno.io/v1", Kind: "ValidatingPolicy"},
		ObjectMeta: meta,
		Spec:       spec,
	}, nil
}

// checked writes the check of a rule, of updates and of deletions too.
func (r *rewriting) checked(spec *policiesv1.ValidatingPolicySpec) error {
	v := r.rule.Validate
	now, err := r.now.check(v)
	if err != nil {
		return err
	}
	expression := now.fits
	if r.tolerates() {
		before, err := r.before.check(v)
		if err != nil {
			return err
		}
		spec.Variables, expression = r.tolerant(now, before)
	}
	if r.deletes {
		gone, err := r.gone.check(v)
		if err != nil {
			return err
		}
		expression = "request.operation == 'DELETE' ? (" + gone.fits + ") : (" + expression + ")"
	}
	validation := admissionregistrationv1.Validation{Expression: expression}
	if !strings.Contains(v.Message, "{{") {
		validation.Message = strings.TrimSpace(v.Message)
	} else if validation.MessageExpression, err = r.message(); err != nil {
		return at("message", err)
	}
	spec.Validations = []admissionregistrationv1.Validation{validation}
	return nil
}

// message is a message with variables.
func (r *rewriting) message() (string, error) {
	now, err := r.now.text(r.rule.Validate.Message)
	if err != nil || !r.deletes {
		return now, err
	}
	gone, err := r.gone.text(r.rule.Validate.Message)
	return "request.operation == 'DELETE' ? " + gone + " : " + now, err
}

// tolerates tells whether an update passes whose object was wrong before: the old
// form asks what it would say of the object as it was if it were created.
func (r *rewriting) tolerates() bool {
	return ptr.Deref(r.rule.Validate.AllowExistingViolations, true) && r.operates(admissionregistrationv1.Update) && r.operates(admissionregistrationv1.Create)
}

// tolerant lets updates pass that fail as the object did before. Errors are kept
// apart from failures: an object that cannot be judged does not pass because of
// what was there before.
func (r *rewriting) tolerant(now, before check) ([]admissionregistrationv1.Variable, string) {
	concerned := cel.And("request.operation == 'UPDATE'", r.concerned)
	if now.says == "" {
		variable := admissionregistrationv1.Variable{Name: "wrongBefore", Expression: cel.And(concerned, cel.Not(before.fits))}
		return []admissionregistrationv1.Variable{variable}, "(" + now.fits + ") ? true : variables.wrongBefore"
	}
	return []admissionregistrationv1.Variable{
		{Name: "failure", Expression: now.says},
		{Name: "failureBefore", Expression: before.says},
	}, "(" + now.fits + ") ? true : " + concerned + " && variables.failure == variables.failureBefore"
}

// check rewrites how a rule judges an object.
func (a about) check(v *kyvernov1.Validation) (check, error) {
	switch {
	case v.Pattern != nil:
		made, err := a.whole(v.Pattern)
		return made, at("pattern", err)
	case v.AnyPattern != nil:
		made, err := a.any(v.AnyPattern)
		return made, at("anyPattern", err)
	case v.Deny != nil:
		return a.denial(v)
	case v.PodSecurity != nil:
		return check{}, at("podSecurity", left("podSecurity is not rewritten: the platform's catalogue has the same checks in CEL (roadbed policy list --catalogue)"))
	case len(v.ForEach) > 0:
		return a.loops(v)
	}
	return check{}, left("this way to validate is not rewritten")
}

// denial rewrites conditions that an object must not meet.
func (a about) denial(v *kyvernov1.Validation) (check, error) {
	denied, err := a.denied(v.Deny)
	if err != nil {
		return check{}, at("deny.conditions", err)
	}
	made := check{fits: cel.Not(denied)}
	if strings.Contains(v.Message, "{{") {
		said, err := a.text(v.Message)
		if err != nil {
			return made, at("message", err)
		}
		made.says = "(" + denied + " ? " + said + " : '')"
	}
	return made, nil
}

// loops rewrites checks of each element of lists.
func (a about) loops(v *kyvernov1.Validation) (check, error) {
	var fits, says []string
	for i, loop := range v.ForEach {
		one, err := a.loop(loop, v.Message)
		if err != nil {
			return check{}, at(pathAt("foreach", i), err)
		}
		fits, says = append(fits, one.fits), append(says, one.says)
	}
	made := check{fits: cel.And(fits...)}
	if slices.ContainsFunc(says, func(one string) bool { return one != "" }) {
		for i := range says {
			if says[i] == "" { // a failure like the others, and like no place
				says[i] = fails(fits[i], "' '")
			}
		}
		made.says = firstOf(says)
	}
	return made, nil
}

// loop rewrites the check of each element of one list.
func (a about) loop(loop kyvernov1.ForEachValidation, message string) (check, error) {
	if len(loop.ForEach) > 0 {
		return check{}, at("foreach", left("a foreach within another is not rewritten"))
	}
	if loop.ElementScope != nil && !*loop.ElementScope && loop.Deny == nil {
		return check{}, at("elementScope", left("patterns of the whole object within a foreach are not rewritten"))
	}
	list, err := a.list(loop.List)
	if err != nil {
		return check{}, at("list", err)
	}
	inner, err := a.element().entries(loop.Context)
	if err != nil {
		return check{}, err
	}
	met, err := inner.blocks(loop.Preconditions)
	if err != nil {
		return check{}, at("preconditions", err)
	}
	one, err := inner.each(loop, message)
	if err != nil {
		return check{}, err
	}
	made := check{fits: list + ".all(element, " + cel.Or(cel.Not(met), one.fits) + ")"}
	if one.says != "" {
		if met != "true" {
			list += ".filter(element, " + met + ")"
		}
		made.says = firstIn(list + ".map(element, " + one.says + ")")
	}
	return made, nil
}

// each rewrites the check of one element.
func (a about) each(loop kyvernov1.ForEachValidation, message string) (check, error) {
	inner := a
	inner.object = "element"
	v := &kyvernov1.Validation{Pattern: loop.Pattern, AnyPattern: loop.AnyPattern, Deny: loop.Deny, Message: message}
	if v.Pattern == nil && v.AnyPattern == nil && v.Deny == nil {
		return check{}, left("a foreach without pattern, anyPattern and deny is not rewritten")
	}
	return inner.check(v)
}

// list rewrites the list of a foreach: one that is not there has no elements.
func (a about) list(text string) (string, error) {
	list, err := query.Lenient(text, a.names)
	if err != nil {
		return "", err
	}
	if list.Constant {
		return "", left("the constant list %s is not rewritten", text)
	}
	return query.Operand(list.Elements().Text), nil
}

// keptCEL takes over CEL that the rule has already. Unlike other rules, one in CEL
// lets no update pass because the object was wrong before.
func (r *rewriting) keptCEL(spec *policiesv1.ValidatingPolicySpec) error {
	source := r.rule.Validate.CEL
	if source.ParamKind != nil {
		return at("cel.paramKind", left("parameters are not rewritten: write a ValidatingAdmissionPolicy"))
	}
	spec.Variables, spec.AuditAnnotations = slices.Clone(source.Variables), source.AuditAnnotations
	spec.Validations = slices.Clone(source.Expressions)
	return nil
}
