"""Escalations: the decision of `alerting.escalation` as a stateful query."""
