"""The faults of labelled cases, and what each does to a request."""
