"""Connections, transactions and the schema of the gallery's database: SQLite or PostgreSQL."""
