-- A table of your own for face embeddings, and a function that searches it. docs/how-to/customer_sql.md shows their use.
--
--   psql "$FACE_EMBEDDINGS_URL" -v dimension=128 -f deploy/face_embeddings.sql
--
-- `dimension` is the model's: 128 for Dlib, Facenet, OpenFace and SFace, 160 for DeepID, 512 for Facenet512, ArcFace,
-- GhostFaceNet and Buffalo_L, 4096 for VGG-Face and DeepFace. Needs PostgreSQL 13 and pgvector 0.8, or later.
-- All of it is made, or nothing.

\set ON_ERROR_STOP on
BEGIN;

-- Where everything is, and the one place to change that. A pgvector in a schema of its own is named here as well.
SET LOCAL search_path = public, pg_temp;

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE face_embeddings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person_id text NOT NULL,
    label text,
    embedding vector(:dimension) NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The owner sees every row; everybody else only what a policy shows, and so far there is none.
ALTER TABLE face_embeddings ENABLE ROW LEVEL SECURITY;

-- pgvector indexes up to 2000 dimensions; beyond, every search reads the whole table.
SELECT :dimension <= 2000 AS has_index \gset
\if :has_index
CREATE INDEX face_embeddings_cosine ON face_embeddings USING hnsw (embedding vector_cosine_ops);
\endif

-- `security invoker`: whoever calls it finds the rows that they may see. pgvector's own ef_search of 40 misses the nearest
-- face once in ten at 100,000 faces of 512 numbers; with the iterative scan, rows that are hidden or beyond 400 do not
-- shorten the answer. A custom plan knows match_count; without it PostgreSQL leaves the index aside.
CREATE FUNCTION match_faces(query_embedding vector(:dimension), match_count int DEFAULT 5)
RETURNS TABLE (id uuid, person_id text, label text, metadata jsonb, distance double precision)
LANGUAGE plpgsql STABLE SECURITY INVOKER
SET search_path FROM CURRENT
SET hnsw.ef_search = 400
SET hnsw.iterative_scan = strict_order
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    RETURN QUERY
    SELECT face.id, face.person_id, face.label, face.metadata, face.embedding <=> query_embedding
    FROM face_embeddings AS face
    ORDER BY face.embedding <=> query_embedding
    LIMIT match_count;
END
$$;

COMMIT;
