package operator

// ConditionIssued says whether a Subscription's key was issued and is in its Secret.
const ConditionIssued = "Issued"

// Reasons of Subscriptions.
const (
	// ReasonIssued says that the key is in the Secret.
	ReasonIssued = "Issued"
	// ReasonExpired says that spec.expiresAt has passed: the key is refused.
	ReasonExpired = "Expired"
	// ReasonSecretTaken says that a Secret of that name exists that is not the
	// Subscription's own: choose another name, or delete it.
	ReasonSecretTaken = "SecretTaken"
	// ReasonKeyLost says that the Secret with the key was deleted. A key cannot be
	// read again: raise spec.serial to get another one.
	ReasonKeyLost = "KeyLost"
	// ReasonGranting says that Roadbed has not yet the right to the Secret, which it
	// gives itself for this Secret alone.
	ReasonGranting = "Granting"
	// ReasonWriteFailed says that the Secret could not be read or written.
	ReasonWriteFailed = "WriteFailed"
)
