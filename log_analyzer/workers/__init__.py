"""Background workers: the context and the analysis of each incident that needs one."""
