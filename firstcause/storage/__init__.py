"""Cassandra: sessions, migrations, and reading what is stored."""
