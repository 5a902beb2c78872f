package override

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Use is a request that the API server admitted and that an override covered.
type Use struct {
	// Override is the override's "namespace/name".
	Override string
	// Policy is the name of the policy that it was an exception to: of the native one,
	// or of the one that a webhook judged by.
	Policy string
	// Actor made the request.
	Actor identity.Actor
	// Deed says what was done, such as "create of configmaps tenant-payments/web".
	Deed string
}

// AuditEntry is what an audit annotation with the key AuditKey says of one use,
// where the key is not the policy's own: webhooks judge by many policies.
func AuditEntry(policy, override string) string { return policy + "=" + override }

// Uses reads an event of the API server's audit log, one line of JSON, and
// returns the uses of overrides that its annotations name. An event of anything
// else has none, and neither has what was refused or a dry run; only a deletion
// that is tried out by options in its body looks like one that is done.
func Uses(event []byte) ([]Use, error) {
	if !bytes.Contains(event, []byte("/"+AuditKey+`"`)) {
		return nil, nil
	}
	var e auditEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, fmt.Errorf("read an event of the audit log: %w", err)
	}
	if e.Stage != "ResponseComplete" || e.ResponseStatus.Code >= 300 || strings.Contains(e.RequestURI, "dryRun=") {
		return nil, nil
	}
	var uses []Use
	for key, names := range e.Annotations {
		policy, ok := strings.CutSuffix(key, "/"+AuditKey)
		if !ok {
			continue
		}
		for name := range strings.SplitSeq(names, ",") {
			use := Use{Override: name, Policy: policy, Actor: e.actor(), Deed: e.deed()}
			if judged, waiver, ok := strings.Cut(name, "="); ok {
				use.Policy, use.Override = judged, waiver
			}
			uses = append(uses, use)
		}
	}
	slices.SortFunc(uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Override, b.Override))
	})
	// A policy of several rules says so of each.
	return slices.CompactFunc(uses, func(a, b Use) bool { return a.Policy == b.Policy && a.Override == b.Override }), nil
}

// auditEvent is what Uses reads of an event of audit.k8s.io/v1.
type auditEvent struct {
	Stage            string     `json:"stage"`
	RequestURI       string     `json:"requestURI"`
	Verb             string     `json:"verb"`
	User             auditUser  `json:"user"`
	ImpersonatedUser *auditUser `json:"impersonatedUser"`
	ObjectRef        struct {
		Resource    string `json:"resource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Annotations map[string]string `json:"annotations"`
}

type auditUser struct {
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
}

func (e auditEvent) actor() identity.Actor {
	user := e.User
	if e.ImpersonatedUser != nil {
		user = *e.ImpersonatedUser
	}
	return identity.Of(user.Username, user.Groups...)
}

func (e auditEvent) deed() string {
	resource := e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	where := strings.Trim(e.ObjectRef.Namespace+"/"+e.ObjectRef.Name, "/")
	return strings.TrimSpace(fmt.Sprintf("%s of %s %s", e.Verb, resource, where))
}
