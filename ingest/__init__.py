"""Ingest: records of log shippers and loggers become log events and spans."""
