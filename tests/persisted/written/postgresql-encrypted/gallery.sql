SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
COMMENT ON EXTENSION vector IS 'vector data type and ivfflat and hnsw access methods';
CREATE FUNCTION public.match_faces(query_embedding public.vector, match_count integer DEFAULT 5) RETURNS TABLE(id uuid, person_id text, label text, metadata jsonb, distance double precision)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    SET "hnsw.ef_search" TO '400'
    SET "hnsw.iterative_scan" TO 'strict_order'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
BEGIN
    RETURN QUERY
    SELECT face.id, face.person_id, face.label, face.metadata, face.embedding <=> query_embedding
    FROM face_embeddings AS face
    ORDER BY face.embedding <=> query_embedding
    LIMIT match_count;
END
$$;
CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'what is recorded stays as it is'; END $$;
CREATE FUNCTION public.refuse_other_seals() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.seal_id IS DISTINCT FROM (SELECT MAX(id) FROM seals) THEN RAISE EXCEPTION 'what is recorded stays as it is'; END IF; RETURN NEW; END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.answers (
    key character varying(200) NOT NULL,
    request character varying(64) NOT NULL,
    at timestamp with time zone NOT NULL,
    face_id uuid,
    person_id uuid,
    name character varying(200),
    expires_at timestamp with time zone
);
CREATE TABLE public.changes (
    id bigint NOT NULL,
    face_id uuid NOT NULL
);
CREATE SEQUENCE public.changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.changes_id_seq OWNED BY public.changes.id;
CREATE TABLE public.collections (
    name character varying(100) NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.events (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    action character varying(50) NOT NULL,
    outcome character varying(50) NOT NULL,
    request_id character varying(200) NOT NULL,
    key_id character varying(100) NOT NULL,
    collection character varying(100) NOT NULL,
    person_id character varying(36) NOT NULL,
    face_id character varying(36) NOT NULL,
    details jsonb NOT NULL,
    seal_id bigint
);
CREATE SEQUENCE public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_id_seq OWNED BY public.events.id;
CREATE TABLE public.face_embeddings (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    person_id text NOT NULL,
    label text,
    embedding public.vector(128) NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.faces (
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    collection character varying(100) NOT NULL,
    space character varying(200) NOT NULL,
    dimension integer NOT NULL,
    embedding public.vector NOT NULL,
    detector character varying(50) NOT NULL,
    weights character varying(200) NOT NULL,
    area jsonb NOT NULL,
    confidence double precision NOT NULL,
    quality jsonb NOT NULL,
    liveness double precision,
    crop bytea,
    registered_at timestamp with time zone NOT NULL,
    sealed_with character varying(16),
    waits_for_index boolean DEFAULT false NOT NULL
)
WITH (toast_tuple_target='4080');
CREATE TABLE public.hits (
    key character varying(200) NOT NULL,
    times integer NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.keys (
    id character varying(20) NOT NULL,
    name character varying(200) NOT NULL,
    secret_sha256 character varying(64) NOT NULL,
    scopes jsonb NOT NULL,
    collection character varying(100),
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_on date
);
CREATE TABLE public.misses (
    person_id uuid NOT NULL,
    times integer NOT NULL,
    locked_until timestamp with time zone
);
CREATE TABLE public.persons (
    id uuid NOT NULL,
    collection character varying(100) NOT NULL,
    name character varying(200) NOT NULL,
    labels jsonb NOT NULL,
    metadata jsonb NOT NULL,
    registered_at timestamp with time zone NOT NULL,
    retain_until timestamp with time zone,
    folded text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.sealing_keys (
    id character varying(16) NOT NULL
);
CREATE TABLE public.seals (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    previous character varying(64) NOT NULL,
    hash character varying(64) NOT NULL
);
ALTER TABLE ONLY public.changes ALTER COLUMN id SET DEFAULT nextval('public.changes_id_seq'::regclass);
ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0009');
INSERT INTO public.answers VALUES ('5e931463cac656247f6a0426f235fe6df5c606fce7a403d16cefdf3d5e7aa932', '60774c056dd44b0add60a588606035f8b2a609d7049d10ccafae3c2b8628e731', '2026-11-29 15:59:04.221095+00', 'a559815b-2073-4953-ac36-a8f2e0f32358', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'Alice', '2026-12-06 15:59:04.221095+00');
INSERT INTO public.answers VALUES ('enrol 0fcd26464a43bc81c88539eb39208f690b40621b3b21aa1f8368ac572b0ee579', '0fcd26464a43bc81c88539eb39208f690b40621b3b21aa1f8368ac572b0ee579', '2026-11-29 15:59:04.339937+00', '9e290488-537c-4519-bbac-78c7b5796f2f', '1b919337-87eb-44c7-8fc7-7cff625c0959', 'Alice', NULL);
INSERT INTO public.answers VALUES ('enrol 6439dbf36cacbe475b89f7adf817ef8fcd195a087dcc8493f08a31df48879c5d', '6439dbf36cacbe475b89f7adf817ef8fcd195a087dcc8493f08a31df48879c5d', '2026-11-29 15:59:04.340238+00', 'ae4e217f-e6fa-472c-b48b-d7c51bb3c641', '1b919337-87eb-44c7-8fc7-7cff625c0959', 'Alice', NULL);
INSERT INTO public.answers VALUES ('enrol 298d0bb4ec7217fe82dab1357133fdf0af1ee0a681e5aaa21da4a1d392ef13f9', '298d0bb4ec7217fe82dab1357133fdf0af1ee0a681e5aaa21da4a1d392ef13f9', '2026-11-29 15:59:04.355967+00', 'a149dcc1-4c45-475d-92e5-e7ec0bd87180', '3748597d-a9b3-428e-9fe2-c311adde7156', 'Bob', NULL);
INSERT INTO public.collections VALUES ('default', '2026-11-29 15:59:04.221095+00');
INSERT INTO public.collections VALUES ('staff', '2026-11-29 15:59:04.305435+00');
INSERT INTO public.events VALUES (1, '2026-11-29 15:59:04.053139+00', 'create_key', 'done', '', '', '', '', '', '{"key": "19eede1fd4e2", "scopes": ["admin", "faces", "find", "gallery:read", "gallery:write"]}', 1);
INSERT INTO public.events VALUES (2, '2026-11-29 15:59:04.206005+00', 'create_key', 'done', '', '', '', '', '', '{"key": "c0a03c46d68c", "scopes": ["admin", "faces", "find", "gallery:read", "gallery:write"]}', 1);
INSERT INTO public.events VALUES (3, '2026-11-29 15:59:04.209006+00', 'revoke_key', 'done', '', '', '', '', '', '{"key": "19eede1fd4e2"}', 1);
INSERT INTO public.events VALUES (4, '2026-11-29 15:59:04.221095+00', 'register', 'done', '33b5464011d749599c5f24b5617607c2', 'c0a03c46d68c', 'default', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'a559815b-2073-4953-ac36-a8f2e0f32358', '{"model": "Dlib"}', 1);
INSERT INTO public.events VALUES (5, '2026-11-29 15:59:04.235612+00', 'register', 'done', '4b0fb7040b62460098239c462303fc3c', 'c0a03c46d68c', 'default', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', 'b8c05f8e-0bfd-45ab-a0f6-ad2cba46d16c', '{"model": "Dlib"}', 1);
INSERT INTO public.events VALUES (6, '2026-11-29 15:59:04.257993+00', 'register', 'done', 'c5371d39cc23484fab674ca8df194c21', 'c0a03c46d68c', 'default', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', '1ef188af-387c-44b1-882a-c21dae7fb941', '{"model": "Dlib"}', 1);
INSERT INTO public.events VALUES (7, '2026-11-29 15:59:04.266959+00', 'register', 'done', 'e75d4e018790496b8bc00f2a69071e7f', 'c0a03c46d68c', 'default', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'f58ac05e-2ab3-4bef-bbb8-d7cc74e94528', '{"model": "Facenet"}', 1);
INSERT INTO public.events VALUES (8, '2026-11-29 15:59:04.30661+00', 'add_collection', 'done', '51d781528141405483e959b476df9fab', 'c0a03c46d68c', 'staff', '', '', '{}', 2);
INSERT INTO public.events VALUES (9, '2026-11-29 15:59:04.313887+00', 'register', 'done', '6c02ead1857047dc9180d18883822a79', 'c0a03c46d68c', 'staff', '27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', '32a0cbc7-8343-476f-8811-968add1b3efc', '{"model": "Facenet512"}', 2);
INSERT INTO public.events VALUES (10, '2026-11-29 15:59:04.339937+00', 'register', 'done', '', '', 'staff', '1b919337-87eb-44c7-8fc7-7cff625c0959', '9e290488-537c-4519-bbac-78c7b5796f2f', '{"model": "Dlib"}', 2);
INSERT INTO public.events VALUES (11, '2026-11-29 15:59:04.340238+00', 'register', 'done', '', '', 'staff', '1b919337-87eb-44c7-8fc7-7cff625c0959', 'ae4e217f-e6fa-472c-b48b-d7c51bb3c641', '{"model": "Dlib"}', 2);
INSERT INTO public.events VALUES (12, '2026-11-29 15:59:04.355967+00', 'register', 'done', '', '', 'staff', '3748597d-a9b3-428e-9fe2-c311adde7156', 'a149dcc1-4c45-475d-92e5-e7ec0bd87180', '{"model": "Dlib"}', 2);
INSERT INTO public.events VALUES (13, '2026-11-29 15:59:04.385115+00', 'register', 'done', 'c79a1cf0866c4525843bf8e8763c02c5', 'c0a03c46d68c', 'default', 'b3c68ba4-e719-4608-9bd1-f2ef6be762ab', '249e14b7-23ae-4826-8df2-7d71496ffb89', '{"model": "Dlib"}', 3);
INSERT INTO public.events VALUES (14, '2026-11-29 15:59:04.398347+00', 'merge', 'done', '2b0a43b6a00c48e8843c812cac3cb731', 'c0a03c46d68c', '', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', '', '{"merged": ["b3c68ba4-e719-4608-9bd1-f2ef6be762ab"]}', 3);
INSERT INTO public.events VALUES (15, '2026-11-29 15:59:04.402796+00', 'change', 'done', 'f8eb173f2731451f860879efc2211be5', 'c0a03c46d68c', '', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', '', '{"fields": ["metadata"]}', 3);
INSERT INTO public.events VALUES (16, '2026-11-29 15:59:04.40885+00', 'register', 'done', '6616272b46494710afa31577fde22745', 'c0a03c46d68c', 'gone', '8d0af1c1-1234-40d8-8bb6-63450620a8f5', '35fbcc8a-63ec-4d87-b42d-e5edd47c80b6', '{"model": "Dlib"}', 3);
INSERT INTO public.events VALUES (17, '2026-11-29 15:59:04.4152+00', 'register', 'done', '2a671f50b5af4cdd897a7bb1a653bab6', 'c0a03c46d68c', 'gone', '8d0af1c1-1234-40d8-8bb6-63450620a8f5', 'e2083ee5-0abc-49b0-9898-7fb92f0b4be0', '{"model": "Dlib"}', 3);
INSERT INTO public.events VALUES (18, '2026-11-29 15:59:04.425052+00', 'forget', 'done', '2c185c74b7164701a949c9e229f90798', 'c0a03c46d68c', '', '8d0af1c1-1234-40d8-8bb6-63450620a8f5', '35fbcc8a-63ec-4d87-b42d-e5edd47c80b6', '{}', 3);
INSERT INTO public.events VALUES (19, '2026-11-29 15:59:04.432032+00', 'forget', 'done', '4da9d953ab4540bdb6c97edf2f894b64', 'c0a03c46d68c', '', '8d0af1c1-1234-40d8-8bb6-63450620a8f5', '', '{}', 3);
INSERT INTO public.events VALUES (20, '2026-11-29 15:59:04.44282+00', 'remove_collection', 'done', '971ddfc43aba4bc58843eb26e2c77ac0', 'c0a03c46d68c', 'gone', '', '', '{}', 3);
INSERT INTO public.events VALUES (21, '2026-11-29 15:59:04.44802+00', 'register', 'done', 'c1a94e5502fc4b2c9eb5891d8eb0e192', 'c0a03c46d68c', 'default', '03bc5ad9-5336-4f6f-88e3-2c072ef38e69', 'a35bc278-9be7-47e0-b5f1-d81cfe28f634', '{"model": "Dlib"}', 3);
INSERT INTO public.events VALUES (22, '2026-11-29 15:59:04.460509+00', 'forget', 'done', '', '', '', '03bc5ad9-5336-4f6f-88e3-2c072ef38e69', '', '{"reason": "retain_until"}', 3);
INSERT INTO public.events VALUES (23, '2026-11-29 15:59:04.471181+00', 'rotate_key', 'done', '', '', '', '', '', '{}', 3);
INSERT INTO public.events VALUES (24, '2026-11-29 15:59:04.611475+00', 'lock', 'done', '55c0bc0bd6a74c28a4d54943a7508ea3', 'c0a03c46d68c', '', '27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', '', '{"misses": 5, "seconds": 30.0}', 3);
INSERT INTO public.events VALUES (25, '2026-11-29 15:59:04.67803+00', 'copy', 'done', '', '', 'default', '', '', '{"faces": 4, "model": "Dlib", "table": "face_embeddings"}', 3);
INSERT INTO public.events VALUES (26, '2026-11-29 15:59:04.709949+00', 'export', 'done', '', '', '', '', '', '{"faces": 9, "persons": 5}', 3);
INSERT INTO public.events VALUES (27, '2026-11-29 15:59:04.475901+00', 'verify', 'no_match', 'e3f7470a483b45a896e0a3350e505f7c', 'c0a03c46d68c', '', '', '', '{"model": "Dlib", "distance": 0.312871, "verified": false, "threshold": 0.083, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (28, '2026-11-29 15:59:04.496711+00', 'verify', 'match', 'fd0087667bb742f3b7a216113a25adb0', 'c0a03c46d68c', '', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', '249e14b7-23ae-4826-8df2-7d71496ffb89', '{"model": "Dlib", "distance": 0.0, "verified": true, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (29, '2026-11-29 15:59:04.511696+00', 'verify', 'no_match', '7da12215fa45480f95ea9f57e32e9e1f', 'c0a03c46d68c', '', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', '249e14b7-23ae-4826-8df2-7d71496ffb89', '{"model": "Dlib", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (30, '2026-11-29 15:59:04.525851+00', 'verify', 'no_match', 'd671d3991dfd41ebab34cd8399d02dad', 'c0a03c46d68c', '', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', '249e14b7-23ae-4826-8df2-7d71496ffb89', '{"model": "Dlib", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (31, '2026-11-29 15:59:04.547634+00', 'verify', 'no_match', '47a8d97b1864416e9109763bbab08e18', 'c0a03c46d68c', '', '27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', '32a0cbc7-8343-476f-8811-968add1b3efc', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (32, '2026-11-29 15:59:04.56688+00', 'verify', 'no_match', 'e64c2b0ef98f4473ab80e53bba1cdfc6', 'c0a03c46d68c', '', '27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', '32a0cbc7-8343-476f-8811-968add1b3efc', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (33, '2026-11-29 15:59:04.581336+00', 'verify', 'no_match', '3a3e88a81b6044eeba40dcc5caaaa268', 'c0a03c46d68c', '', '27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', '32a0cbc7-8343-476f-8811-968add1b3efc', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (34, '2026-11-29 15:59:04.596413+00', 'verify', 'no_match', 'd3993cf45f0844708e3962fa31fd6758', 'c0a03c46d68c', '', '27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', '32a0cbc7-8343-476f-8811-968add1b3efc', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (35, '2026-11-29 15:59:04.615963+00', 'verify', 'no_match', '55c0bc0bd6a74c28a4d54943a7508ea3', 'c0a03c46d68c', '', '27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', '32a0cbc7-8343-476f-8811-968add1b3efc', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (36, '2026-11-29 15:59:04.624645+00', 'identify', 'match', 'e89c37edf1dd4dd186e79cdae4b0fd06', 'c0a03c46d68c', 'default', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'a559815b-2073-4953-ac36-a8f2e0f32358', '{"model": "Dlib", "distance": 0.0, "threshold": 0.001, "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (37, '2026-11-29 15:59:04.633832+00', 'recognize', 'match', 'b836d70d4bea457989add231d3c17690', 'c0a03c46d68c', 'default', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', '249e14b7-23ae-4826-8df2-7d71496ffb89', '{"model": "Dlib", "distance": 0.0, "threshold": 0.083, "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (38, '2026-11-29 15:59:04.65202+00', 'find', 'match', '98d57f1b67a44e05b17cb1a819c6ea10', 'c0a03c46d68c', '', '', '', '{"model": "Dlib", "photos": 1, "distance": 0.0, "threshold": 0.001, "similarity_metric": "cosine"}', 3);
INSERT INTO public.face_embeddings VALUES ('1ef188af-387c-44b1-882a-c21dae7fb941', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'Alice', '[32,96,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', '{"space": {"model": "Dlib", "alignment": "template", "detection": "bounded", "normalization": "base", "expand_percentage": 0}, "labels": {"team": "blue"}, "source": "gallery", "quality": {"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 127.0}, "weights": "fake", "detector": "opencv", "liveness": null, "metadata": {"n": [1, null, 0.5], "née": "Ångström"}, "collection": "default", "confidence": 0.9, "retain_until": "2999-12-31T23:59:59+00:00"}', '2026-11-29 15:59:04.257993+00');
INSERT INTO public.face_embeddings VALUES ('249e14b7-23ae-4826-8df2-7d71496ffb89', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', 'Bob', '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', '{"space": {"model": "Dlib", "alignment": "template", "detection": "bounded", "normalization": "base", "expand_percentage": 0}, "labels": {"is": "Bob"}, "source": "gallery", "quality": {"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}, "weights": "fake", "detector": "opencv", "liveness": null, "metadata": {"changed": true}, "collection": "default", "confidence": 0.9, "retain_until": null}', '2026-11-29 15:59:04.385115+00');
INSERT INTO public.face_embeddings VALUES ('a559815b-2073-4953-ac36-a8f2e0f32358', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'Alice', '[32,64,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', '{"space": {"model": "Dlib", "alignment": "template", "detection": "bounded", "normalization": "base", "expand_percentage": 0}, "labels": {"team": "blue"}, "source": "gallery", "quality": {"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 108.0}, "weights": "fake", "detector": "opencv", "liveness": null, "metadata": {"n": [1, null, 0.5], "née": "Ångström"}, "collection": "default", "confidence": 0.9, "retain_until": "2999-12-31T23:59:59+00:00"}', '2026-11-29 15:59:04.221095+00');
INSERT INTO public.face_embeddings VALUES ('b8c05f8e-0bfd-45ab-a0f6-ad2cba46d16c', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', 'Bob', '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', '{"space": {"model": "Dlib", "alignment": "template", "detection": "bounded", "normalization": "base", "expand_percentage": 0}, "labels": {"is": "Bob"}, "source": "gallery", "quality": {"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}, "weights": "fake", "detector": "opencv", "liveness": null, "metadata": {"changed": true}, "collection": "default", "confidence": 0.9, "retain_until": null}', '2026-11-29 15:59:04.235612+00');
INSERT INTO public.faces VALUES ('a559815b-2073-4953-ac36-a8f2e0f32358', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'default', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[32,64,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 108.0}', NULL, '\x01a6482fd7462c8d426936f313ccd5269478e640b9891263c0c4b7f16600660d8f828425a263046dbdc9e887512d02c21fc8cb5e95df7c5f9ebd8f5fc6e716facd11cfa9714e782fca19fe57c12c3c0730292c2df1cb94383c8811269569610ae2dc1dab2be61f6af060eef1d237f01b80b12ba670a67b1aa29467469136917d7b172fd4ad656c368566f142d133c07f144fa2e1487072f324d4a5b674f305706a643941d97a8c46ec047443c04d32599f21c10b3ea40aaf57c1bfbd5fefd72f0087e15af02a4532c096385a21d374a4e9976c7889b7d38ea3849486b87e7983d8239aba', '2026-11-29 15:59:04.221095+00', 'a6482fd7462c8d42', false);
INSERT INTO public.faces VALUES ('b8c05f8e-0bfd-45ab-a0f6-ad2cba46d16c', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', 'default', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}', NULL, '\x01a6482fd7462c8d42ae75290b24ab477832d6d568b7ce198924ab1a6750c6a262fbbcce60a743221a957ddce5adb62d514568e2701fd782be3e067f068b912660bb84652e4b1078a389fbd46d30d7e99b26375274a2791e3fee4a8acd6a14cf8d7c14dfde6acac955fb157d01fb4bb307cbf612d38df4b78b0cd0ffd9b65f89c833bbe28deb75eea04ba8921b90655d51dec6f668b5fdef85284b06c957e91c4531894c73b5cd7b0006afda92c41925017d6bb965f123f3662994d8e52c99446c11768353e797f7fb10f7b5bb38f1b46b3de4af12d6bbe505', '2026-11-29 15:59:04.235612+00', 'a6482fd7462c8d42', false);
INSERT INTO public.faces VALUES ('9e290488-537c-4519-bbac-78c7b5796f2f', '1b919337-87eb-44c7-8fc7-7cff625c0959', 'staff', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[32,96,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 127.0}', NULL, '\x01a6482fd7462c8d42f73be0e317a77c96246f5fecacfd5634aecfddef5385263e309b7899101762ae1536a1182effb97fb72ef06c5302f244a0314dfc4cd9f41c883759faeb9f8a7a9c5a08fa54a2f0ef10ab539fd52b6a54de54278e76be46ad523ba28e42a907828305954d9142499e6af1db8d4c325b91692ae71ff514d282b7c0bab3d1b89953bf7977eb2c26977c93f588908e4fad4e829ba73355c1e87b9cb52e980111630e6d7671bd7aad26d35b0589847a85094c1bab9474d63cede90b0375ffc9b22d8cba4d59fcb6005795acf52ff27c60d974fd489b7b50638d80f8e3', '2026-11-29 15:59:04.339937+00', 'a6482fd7462c8d42', false);
INSERT INTO public.faces VALUES ('a149dcc1-4c45-475d-92e5-e7ec0bd87180', '3748597d-a9b3-428e-9fe2-c311adde7156', 'staff', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}', NULL, '\x01a6482fd7462c8d42b92ea0dfb8fd2fc0746a0f4c8647eeb60fc23bc4284b5be01df61024726582219e6f8234173859e080078b72172a4ce98a148a90b3674aa1e87242c2b25e5ab7101b3512ab37aa92c3d4d1ee261e343e8180df1762b40ede8e2b548a0f5bb72c9a1f3199d62c5af7c0480505999a6234fe0d37e3233460dd4134132c0cdc1fe0dbc1b357a8054815c673b409319584d8a164452ef82205d3786e92af7ea15ae7e155e3bf97a6477b1bcfa2324456b97e91750a653f22df9e310813e4900fb3ffe1408da404176e6be13bb07b50f88bac', '2026-11-29 15:59:04.355967+00', 'a6482fd7462c8d42', false);
INSERT INTO public.faces VALUES ('1ef188af-387c-44b1-882a-c21dae7fb941', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'default', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[32,96,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 127.0}', NULL, NULL, '2026-11-29 15:59:04.257993+00', NULL, false);
INSERT INTO public.faces VALUES ('f58ac05e-2ab3-4bef-bbb8-d7cc74e94528', 'f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'default', '{"alignment": "none", "detection": "bounded", "expand_percentage": 0, "model": "Facenet", "normalization": "base"}', 128, '[32,64,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 108.0}', NULL, NULL, '2026-11-29 15:59:04.266959+00', NULL, false);
INSERT INTO public.faces VALUES ('ae4e217f-e6fa-472c-b48b-d7c51bb3c641', '1b919337-87eb-44c7-8fc7-7cff625c0959', 'staff', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[32,64,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 108.0}', NULL, '\x01a6482fd7462c8d42981c8a51cc2234a62072b7872b833c69506f945bb4dc1d9f9cd93e5cac1937cbd0f0390e8ffc59855ec3c2f88b2203e9fc6b4dfcaee908274d6f7dd90123c4270d44522322d5686b74a642fad0160349fddd4033f7e2d6aa06b5cdeb8e26ef259d34a26a64f9fbc3686f89c22b09c56deca683b2ac7d58d6beed3874702b439a1d725573796214b3007b4cc5572843c0e2df5c90a0670a87c921467247aad5533a8f6c5a904297fbdaa08992b510b56c3a91aa95a3451990f176bbcddbefd8d499061f8e0cd5bd531cb9da8e240c24e9cb043ee6c97b2dc649905c', '2026-11-29 15:59:04.340238+00', 'a6482fd7462c8d42', false);
INSERT INTO public.faces VALUES ('249e14b7-23ae-4826-8df2-7d71496ffb89', '573eb1f3-d321-48b6-b17c-b4c22e5e292c', 'default', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}', NULL, NULL, '2026-11-29 15:59:04.385115+00', NULL, false);
INSERT INTO public.faces VALUES ('32a0cbc7-8343-476f-8811-968add1b3efc', '27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', 'staff', '{"alignment": "eyes", "detection": "full", "expand_percentage": 10, "model": "Facenet512", "normalization": "base"}', 512, '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}', NULL, '\x01a6482fd7462c8d42fe5c0018a538a3c43e7151e14fd190cf3c599b13d5c351d3d848564ad64a4aec9a28fdc280dccbbfc46445e8f6d00541aff96f8d531c1e5ac4da454fe0ab5a9397d13a76bf7552570c089f63a67c22479755bd13706bb07e019454d950d9e2063b4069a09c45c5858595b78d61fe4c489fc54f8e70f5412c4a315ed4981910f31d991f6263fee9d08835808af7dcf66e6c0309b2dcc863cce3bd53e4a89fd2b4504f98af29ea9a006da41cfc6810a911b5595ad6a67a37ef50e53c25bf56b44820ab81072f2ece1ca9a7d1501ae353ea', '2026-11-29 15:59:04.313887+00', 'a6482fd7462c8d42', false);
INSERT INTO public.keys VALUES ('c0a03c46d68c', 'operator', '848b25279880dd20808740fe557cf00c0be05437070793eea7cf54b56d8e63ad', '["admin", "faces", "find", "gallery:read", "gallery:write"]', NULL, '2026-11-29 15:59:04.206005+00', NULL, NULL, NULL);
INSERT INTO public.keys VALUES ('19eede1fd4e2', 'operator', 'c7ff997981b99c53d9346e71cd9288a2588f85d8ffd0203718d97fd6388b1b0b', '["admin", "faces", "find", "gallery:read", "gallery:write"]', NULL, '2026-11-29 15:59:04.053139+00', NULL, '2026-11-29 15:59:04.209006+00', NULL);
INSERT INTO public.misses VALUES ('573eb1f3-d321-48b6-b17c-b4c22e5e292c', 2, NULL);
INSERT INTO public.misses VALUES ('27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', 0, '2026-11-29 15:59:34.611475+00');
INSERT INTO public.persons VALUES ('f9a1ec5a-beb6-4853-8782-1a57b8bfdcdd', 'default', 'Alice', '{"team": "blue"}', '{"n": [1, null, 0.5], "née": "Ångström"}', '2026-11-29 15:59:04.221095+00', '2999-12-31 23:59:59+00', 'alice');
INSERT INTO public.persons VALUES ('27b82f65-fa11-4ffe-b00f-e8a0c8d9a756', 'staff', 'Élodie', '{}', '{}', '2026-11-29 15:59:04.313887+00', NULL, 'élodie');
INSERT INTO public.persons VALUES ('1b919337-87eb-44c7-8fc7-7cff625c0959', 'staff', 'Alice', '{}', '{}', '2026-11-29 15:59:04.339937+00', NULL, 'alice');
INSERT INTO public.persons VALUES ('3748597d-a9b3-428e-9fe2-c311adde7156', 'staff', 'Bob', '{}', '{}', '2026-11-29 15:59:04.355967+00', NULL, 'bob');
INSERT INTO public.persons VALUES ('573eb1f3-d321-48b6-b17c-b4c22e5e292c', 'default', 'Bob', '{"is": "Bob"}', '{"changed": true}', '2026-11-29 15:59:04.235612+00', NULL, 'bob');
INSERT INTO public.sealing_keys VALUES ('a6482fd7462c8d42');
INSERT INTO public.seals VALUES (1, '2026-11-29 15:59:04.279035+00', '0000000000000000000000000000000000000000000000000000000000000000', '4c31679527aa9e434208d1028e24a70f15c1c5af19510a3a4dd0e380f2d9c18f');
INSERT INTO public.seals VALUES (2, '2026-11-29 15:59:04.365283+00', '4c31679527aa9e434208d1028e24a70f15c1c5af19510a3a4dd0e380f2d9c18f', '46862b733cfc71be87cb10e0c5929c7185cccff2ef8bd83e61ca94f10133ecab');
INSERT INTO public.seals VALUES (3, '2026-11-29 15:59:04.722663+00', '46862b733cfc71be87cb10e0c5929c7185cccff2ef8bd83e61ca94f10133ecab', '66301042f492e221cc3e23b4c46cf02cac2244363541b6fb3540ae07be5c5f37');
SELECT pg_catalog.setval('public.changes_id_seq', 1, false);
SELECT pg_catalog.setval('public.events_id_seq', 38, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.face_embeddings
    ADD CONSTRAINT face_embeddings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.answers
    ADD CONSTRAINT pk_answers PRIMARY KEY (key);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT pk_changes PRIMARY KEY (id);
ALTER TABLE ONLY public.collections
    ADD CONSTRAINT pk_collections PRIMARY KEY (name);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT pk_events PRIMARY KEY (id);
ALTER TABLE ONLY public.faces
    ADD CONSTRAINT pk_faces PRIMARY KEY (id);
ALTER TABLE ONLY public.hits
    ADD CONSTRAINT pk_hits PRIMARY KEY (key);
ALTER TABLE ONLY public.keys
    ADD CONSTRAINT pk_keys PRIMARY KEY (id);
ALTER TABLE ONLY public.misses
    ADD CONSTRAINT pk_misses PRIMARY KEY (person_id);
ALTER TABLE ONLY public.persons
    ADD CONSTRAINT pk_persons PRIMARY KEY (id);
ALTER TABLE ONLY public.sealing_keys
    ADD CONSTRAINT pk_sealing_keys PRIMARY KEY (id);
ALTER TABLE ONLY public.seals
    ADD CONSTRAINT pk_seals PRIMARY KEY (id);
ALTER TABLE ONLY public.persons
    ADD CONSTRAINT uq_persons_collection_name UNIQUE (collection, name);
CREATE INDEX face_embeddings_cosine ON public.face_embeddings USING hnsw (embedding public.vector_cosine_ops);
CREATE INDEX ix_answers_expires_at ON public.answers USING btree (expires_at);
CREATE INDEX ix_answers_face_id ON public.answers USING btree (face_id);
CREATE INDEX ix_events_action ON public.events USING btree (action);
CREATE INDEX ix_events_person_id ON public.events USING btree (person_id);
CREATE INDEX ix_events_seal_id_id ON public.events USING btree (seal_id, id);
CREATE INDEX ix_faces_collection_space ON public.faces USING btree (collection, space);
CREATE INDEX ix_faces_direction_128 ON public.faces USING hnsw (((public.l2_normalize(embedding))::public.halfvec(128)) public.halfvec_ip_ops) WITH (ef_construction='128') WHERE ((dimension = 128) AND (NOT waits_for_index));
CREATE INDEX ix_faces_direction_160 ON public.faces USING hnsw (((public.l2_normalize(embedding))::public.halfvec(160)) public.halfvec_ip_ops) WITH (ef_construction='128') WHERE ((dimension = 160) AND (NOT waits_for_index));
CREATE INDEX ix_faces_direction_512 ON public.faces USING hnsw (((public.l2_normalize(embedding))::public.halfvec(512)) public.halfvec_ip_ops) WITH (ef_construction='128') WHERE ((dimension = 512) AND (NOT waits_for_index));
CREATE INDEX ix_faces_person_id ON public.faces USING btree (person_id);
CREATE INDEX ix_faces_sealed_with ON public.faces USING btree (sealed_with);
CREATE INDEX ix_faces_waiting ON public.faces USING btree (collection, space) WHERE waits_for_index;
CREATE INDEX ix_hits_expires_at ON public.hits USING btree (expires_at);
CREATE INDEX ix_persons_folded_id ON public.persons USING btree (folded, id);
CREATE INDEX ix_persons_retain_until ON public.persons USING btree (retain_until);
CREATE TRIGGER events_are_kept BEFORE DELETE OR TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON public.events FOR EACH ROW WHEN (((old.seal_id IS NOT NULL) OR (new.seal_id IS NULL) OR (new.id IS DISTINCT FROM old.id) OR (new.at IS DISTINCT FROM old.at) OR ((new.action)::text IS DISTINCT FROM (old.action)::text) OR ((new.outcome)::text IS DISTINCT FROM (old.outcome)::text) OR ((new.request_id)::text IS DISTINCT FROM (old.request_id)::text) OR ((new.key_id)::text IS DISTINCT FROM (old.key_id)::text) OR ((new.collection)::text IS DISTINCT FROM (old.collection)::text) OR ((new.person_id)::text IS DISTINCT FROM (old.person_id)::text) OR ((new.face_id)::text IS DISTINCT FROM (old.face_id)::text) OR (new.details IS DISTINCT FROM old.details))) EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER events_begin_unsealed BEFORE INSERT ON public.events FOR EACH ROW WHEN ((new.seal_id IS NOT NULL)) EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER events_get_last_seal BEFORE UPDATE OF seal_id ON public.events FOR EACH ROW EXECUTE FUNCTION public.refuse_other_seals();
CREATE TRIGGER seals_are_kept BEFORE DELETE OR UPDATE OR TRUNCATE ON public.seals FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE ONLY public.faces
    ADD CONSTRAINT fk_faces_collection FOREIGN KEY (collection) REFERENCES public.collections(name);
ALTER TABLE ONLY public.faces
    ADD CONSTRAINT fk_faces_person_id FOREIGN KEY (person_id) REFERENCES public.persons(id);
ALTER TABLE ONLY public.faces
    ADD CONSTRAINT fk_faces_sealed_with FOREIGN KEY (sealed_with) REFERENCES public.sealing_keys(id);
ALTER TABLE ONLY public.misses
    ADD CONSTRAINT fk_misses_person_id FOREIGN KEY (person_id) REFERENCES public.persons(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.persons
    ADD CONSTRAINT fk_persons_collection FOREIGN KEY (collection) REFERENCES public.collections(name);
ALTER TABLE public.face_embeddings ENABLE ROW LEVEL SECURITY;
