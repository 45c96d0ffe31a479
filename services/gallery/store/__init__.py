"""The gallery in a SQL database: SQLite, or PostgreSQL with pgvector."""
