"""From the culprit to the symptom: the chain of services that a fault went through. Pure."""
