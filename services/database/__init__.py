"""Connections, transactions and schema of the gallery's database: SQLite or PostgreSQL."""
