"""HTTP servers that stand in for Slack and Mistral, spoken to through the real SDKs."""
