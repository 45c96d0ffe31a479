"""The gallery in its database: SQLite, or PostgreSQL with pgvector."""
