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
INSERT INTO public.answers VALUES ('5e931463cac656247f6a0426f235fe6df5c606fce7a403d16cefdf3d5e7aa932', '60774c056dd44b0add60a588606035f8b2a609d7049d10ccafae3c2b8628e731', '2026-11-29 15:59:03.421977+00', '245f179a-9916-4d51-b46c-415fc02323cd', 'bad92033-ef64-4b91-97dc-c2af8519d842', 'Alice', '2026-12-06 15:59:03.421977+00');
INSERT INTO public.answers VALUES ('enrol 6439dbf36cacbe475b89f7adf817ef8fcd195a087dcc8493f08a31df48879c5d', '6439dbf36cacbe475b89f7adf817ef8fcd195a087dcc8493f08a31df48879c5d', '2026-11-29 15:59:03.5144+00', '77b0a95f-04d5-4056-a73c-1c7463682ae4', '21cdb74e-3501-430c-81ed-71e0b1b3ea29', 'Alice', NULL);
INSERT INTO public.answers VALUES ('enrol 0fcd26464a43bc81c88539eb39208f690b40621b3b21aa1f8368ac572b0ee579', '0fcd26464a43bc81c88539eb39208f690b40621b3b21aa1f8368ac572b0ee579', '2026-11-29 15:59:03.514683+00', '6e0f522e-0e81-4d4f-b8fe-afefd3faac38', '21cdb74e-3501-430c-81ed-71e0b1b3ea29', 'Alice', NULL);
INSERT INTO public.answers VALUES ('enrol 298d0bb4ec7217fe82dab1357133fdf0af1ee0a681e5aaa21da4a1d392ef13f9', '298d0bb4ec7217fe82dab1357133fdf0af1ee0a681e5aaa21da4a1d392ef13f9', '2026-11-29 15:59:03.526307+00', 'ce8509df-505a-4708-aea9-04016c925a48', '4585274d-baab-46de-9843-8f1c8d41ffdd', 'Bob', NULL);
INSERT INTO public.collections VALUES ('default', '2026-11-29 15:59:03.421977+00');
INSERT INTO public.collections VALUES ('staff', '2026-11-29 15:59:03.493676+00');
INSERT INTO public.events VALUES (1, '2026-11-29 15:59:03.278701+00', 'create_key', 'done', '', '', '', '', '', '{"key": "8375c1ecd406", "scopes": ["admin", "faces", "find", "gallery:read", "gallery:write"]}', 1);
INSERT INTO public.events VALUES (2, '2026-11-29 15:59:03.407331+00', 'create_key', 'done', '', '', '', '', '', '{"key": "67951b183740", "scopes": ["admin", "faces", "find", "gallery:read", "gallery:write"]}', 1);
INSERT INTO public.events VALUES (3, '2026-11-29 15:59:03.409842+00', 'revoke_key', 'done', '', '', '', '', '', '{"key": "8375c1ecd406"}', 1);
INSERT INTO public.events VALUES (4, '2026-11-29 15:59:03.421977+00', 'register', 'done', '97a2574a30be46bcbe3a3cc07a161255', '67951b183740', 'default', 'bad92033-ef64-4b91-97dc-c2af8519d842', '245f179a-9916-4d51-b46c-415fc02323cd', '{"model": "Dlib"}', 1);
INSERT INTO public.events VALUES (5, '2026-11-29 15:59:03.434697+00', 'register', 'done', 'fc1f191a18bb4b76a23afec8978be38c', '67951b183740', 'default', '8ebdad30-652c-4104-90a5-16ecb5048579', 'f6dcd6b9-def9-4043-b97a-c1b3da0d87cd', '{"model": "Dlib"}', 1);
INSERT INTO public.events VALUES (6, '2026-11-29 15:59:03.459318+00', 'register', 'done', '5f8abb55f13d419386d9428d7328f3c3', '67951b183740', 'default', 'bad92033-ef64-4b91-97dc-c2af8519d842', '95e878f7-03a6-4587-9e15-ec0aa824683e', '{"model": "Dlib"}', 1);
INSERT INTO public.events VALUES (7, '2026-11-29 15:59:03.467507+00', 'register', 'done', 'cb0a275280264103b9987adaf199e617', '67951b183740', 'default', 'bad92033-ef64-4b91-97dc-c2af8519d842', 'a799131d-d844-4c5f-9e3e-29a5c15a4fe2', '{"model": "Facenet"}', 1);
INSERT INTO public.events VALUES (8, '2026-11-29 15:59:03.494585+00', 'add_collection', 'done', '984edfa679af4b13b3a13f15e7610cd4', '67951b183740', 'staff', '', '', '{}', 2);
INSERT INTO public.events VALUES (9, '2026-11-29 15:59:03.499135+00', 'register', 'done', '3f6c68b5835c48bea8cebaca2dae8140', '67951b183740', 'staff', '1e33c5b5-a855-4850-8c32-956314be0ae5', '2053aead-fa71-41b9-b5e8-dc923a57b59d', '{"model": "Facenet512"}', 2);
INSERT INTO public.events VALUES (10, '2026-11-29 15:59:03.5144+00', 'register', 'done', '', '', 'staff', '21cdb74e-3501-430c-81ed-71e0b1b3ea29', '77b0a95f-04d5-4056-a73c-1c7463682ae4', '{"model": "Dlib"}', 2);
INSERT INTO public.events VALUES (11, '2026-11-29 15:59:03.514683+00', 'register', 'done', '', '', 'staff', '21cdb74e-3501-430c-81ed-71e0b1b3ea29', '6e0f522e-0e81-4d4f-b8fe-afefd3faac38', '{"model": "Dlib"}', 2);
INSERT INTO public.events VALUES (12, '2026-11-29 15:59:03.526307+00', 'register', 'done', '', '', 'staff', '4585274d-baab-46de-9843-8f1c8d41ffdd', 'ce8509df-505a-4708-aea9-04016c925a48', '{"model": "Dlib"}', 2);
INSERT INTO public.events VALUES (13, '2026-11-29 15:59:03.543738+00', 'register', 'done', 'b66f994b159e4949ba94344a4c7d5e09', '67951b183740', 'default', '4a2742de-9bda-4d25-83cb-74bd9fbd98e6', '5034007a-5fe0-478c-845b-52d71519257b', '{"model": "Dlib"}', 3);
INSERT INTO public.events VALUES (14, '2026-11-29 15:59:03.55447+00', 'merge', 'done', '8c1a4a1bfcd84aea86f034ca2411a40b', '67951b183740', '', '8ebdad30-652c-4104-90a5-16ecb5048579', '', '{"merged": ["4a2742de-9bda-4d25-83cb-74bd9fbd98e6"]}', 3);
INSERT INTO public.events VALUES (15, '2026-11-29 15:59:03.558592+00', 'change', 'done', '96a099f728fc4ca293e011580b515fe8', '67951b183740', '', '8ebdad30-652c-4104-90a5-16ecb5048579', '', '{"fields": ["metadata"]}', 3);
INSERT INTO public.events VALUES (16, '2026-11-29 15:59:03.563078+00', 'register', 'done', 'f668a84ffe1b4ec38ced02280620e8e5', '67951b183740', 'gone', '70b2e26d-691c-4db2-8d5e-c8d45a612cff', '9a135859-1305-4a34-bca9-000f6a444733', '{"model": "Dlib"}', 3);
INSERT INTO public.events VALUES (17, '2026-11-29 15:59:03.569728+00', 'register', 'done', '1174f7954309439d965c562d9cf4a1fe', '67951b183740', 'gone', '70b2e26d-691c-4db2-8d5e-c8d45a612cff', 'f56a6463-e8da-4130-95b5-7c95d3e3dbfd', '{"model": "Dlib"}', 3);
INSERT INTO public.events VALUES (18, '2026-11-29 15:59:03.579225+00', 'forget', 'done', '3a1c5c7918b047d6bf231f3c01e8651a', '67951b183740', '', '70b2e26d-691c-4db2-8d5e-c8d45a612cff', '9a135859-1305-4a34-bca9-000f6a444733', '{}', 3);
INSERT INTO public.events VALUES (19, '2026-11-29 15:59:03.586744+00', 'forget', 'done', '3f168548e8ad458594956752e8cf968b', '67951b183740', '', '70b2e26d-691c-4db2-8d5e-c8d45a612cff', '', '{}', 3);
INSERT INTO public.events VALUES (20, '2026-11-29 15:59:03.595063+00', 'remove_collection', 'done', '955ee183c7a0422394f1852595337ccf', '67951b183740', 'gone', '', '', '{}', 3);
INSERT INTO public.events VALUES (21, '2026-11-29 15:59:03.599346+00', 'register', 'done', 'c76af6b2338c46e0ba713f7b420b2623', '67951b183740', 'default', 'd00204c9-2b61-4306-afae-80dc77d08e94', 'cff9b2c8-779d-47a0-9e3f-15acf6ed8b3d', '{"model": "Dlib"}', 3);
INSERT INTO public.events VALUES (22, '2026-11-29 15:59:03.610451+00', 'forget', 'done', '', '', '', 'd00204c9-2b61-4306-afae-80dc77d08e94', '', '{"reason": "retain_until"}', 3);
INSERT INTO public.events VALUES (23, '2026-11-29 15:59:03.7498+00', 'lock', 'done', '5844d680f78f4123ba137093d066e119', '67951b183740', '', '1e33c5b5-a855-4850-8c32-956314be0ae5', '', '{"misses": 5, "seconds": 30.0}', 3);
INSERT INTO public.events VALUES (24, '2026-11-29 15:59:03.814112+00', 'copy', 'done', '', '', 'default', '', '', '{"faces": 4, "model": "Dlib", "table": "face_embeddings"}', 3);
INSERT INTO public.events VALUES (25, '2026-11-29 15:59:03.838018+00', 'export', 'done', '', '', '', '', '', '{"faces": 9, "persons": 5}', 3);
INSERT INTO public.events VALUES (26, '2026-11-29 15:59:03.621269+00', 'verify', 'no_match', '70ca31dc2edc4a7a8a1f7d8f9761cb69', '67951b183740', '', '', '', '{"model": "Dlib", "distance": 0.312871, "verified": false, "threshold": 0.083, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (27, '2026-11-29 15:59:03.640828+00', 'verify', 'match', 'b6bc700a70324682bd152a1895c702c0', '67951b183740', '', '8ebdad30-652c-4104-90a5-16ecb5048579', '5034007a-5fe0-478c-845b-52d71519257b', '{"model": "Dlib", "distance": 0.0, "verified": true, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (28, '2026-11-29 15:59:03.657117+00', 'verify', 'no_match', 'a97d08679da54caf9f2fb3e602709aae', '67951b183740', '', '8ebdad30-652c-4104-90a5-16ecb5048579', '5034007a-5fe0-478c-845b-52d71519257b', '{"model": "Dlib", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (29, '2026-11-29 15:59:03.673077+00', 'verify', 'no_match', '1b75d4f222e94be78b320317f745e1a3', '67951b183740', '', '8ebdad30-652c-4104-90a5-16ecb5048579', '5034007a-5fe0-478c-845b-52d71519257b', '{"model": "Dlib", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (30, '2026-11-29 15:59:03.694202+00', 'verify', 'no_match', '12d8bc73ba024b19ae0bdf200e0e8156', '67951b183740', '', '1e33c5b5-a855-4850-8c32-956314be0ae5', '2053aead-fa71-41b9-b5e8-dc923a57b59d', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (31, '2026-11-29 15:59:03.708305+00', 'verify', 'no_match', 'bedacc801eac45709e6b537073a8116c', '67951b183740', '', '1e33c5b5-a855-4850-8c32-956314be0ae5', '2053aead-fa71-41b9-b5e8-dc923a57b59d', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (32, '2026-11-29 15:59:03.722485+00', 'verify', 'no_match', '193aab5c77c048baa39bc132bb5be417', '67951b183740', '', '1e33c5b5-a855-4850-8c32-956314be0ae5', '2053aead-fa71-41b9-b5e8-dc923a57b59d', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (33, '2026-11-29 15:59:03.737765+00', 'verify', 'no_match', '97e5899cb43d455ea77f9454dcdc3526', '67951b183740', '', '1e33c5b5-a855-4850-8c32-956314be0ae5', '2053aead-fa71-41b9-b5e8-dc923a57b59d', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (34, '2026-11-29 15:59:03.753567+00', 'verify', 'no_match', '5844d680f78f4123ba137093d066e119', '67951b183740', '', '1e33c5b5-a855-4850-8c32-956314be0ae5', '2053aead-fa71-41b9-b5e8-dc923a57b59d', '{"model": "Facenet512", "distance": 0.312871, "verified": false, "threshold": 0.001, "detector_backend": "opencv", "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (35, '2026-11-29 15:59:03.762354+00', 'identify', 'match', 'cac09d0b8fb2462c929bffb2201c4ea3', '67951b183740', 'default', 'bad92033-ef64-4b91-97dc-c2af8519d842', '245f179a-9916-4d51-b46c-415fc02323cd', '{"model": "Dlib", "distance": 0.0, "threshold": 0.001, "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (36, '2026-11-29 15:59:03.77135+00', 'recognize', 'match', 'f00fd0fc25ce4f9fbe5bf229cfc4e54b', '67951b183740', 'default', '8ebdad30-652c-4104-90a5-16ecb5048579', '5034007a-5fe0-478c-845b-52d71519257b', '{"model": "Dlib", "distance": 0.0, "threshold": 0.083, "similarity_metric": "cosine"}', 3);
INSERT INTO public.events VALUES (37, '2026-11-29 15:59:03.788404+00', 'find', 'match', '1c4b8ceb8ee5416c9667e0e0be379a4e', '67951b183740', '', '', '', '{"model": "Dlib", "photos": 1, "distance": 0.0, "threshold": 0.001, "similarity_metric": "cosine"}', 3);
INSERT INTO public.face_embeddings VALUES ('245f179a-9916-4d51-b46c-415fc02323cd', 'bad92033-ef64-4b91-97dc-c2af8519d842', 'Alice', '[32,64,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', '{"space": {"model": "Dlib", "alignment": "template", "detection": "bounded", "normalization": "base", "expand_percentage": 0}, "labels": {"team": "blue"}, "source": "gallery", "quality": {"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 108.0}, "weights": "fake", "detector": "opencv", "liveness": null, "metadata": {"n": [1, null, 0.5], "née": "Ångström"}, "collection": "default", "confidence": 0.9, "retain_until": "2999-12-31T23:59:59+00:00"}', '2026-11-29 15:59:03.421977+00');
INSERT INTO public.face_embeddings VALUES ('5034007a-5fe0-478c-845b-52d71519257b', '8ebdad30-652c-4104-90a5-16ecb5048579', 'Bob', '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', '{"space": {"model": "Dlib", "alignment": "template", "detection": "bounded", "normalization": "base", "expand_percentage": 0}, "labels": {"is": "Bob"}, "source": "gallery", "quality": {"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}, "weights": "fake", "detector": "opencv", "liveness": null, "metadata": {"changed": true}, "collection": "default", "confidence": 0.9, "retain_until": null}', '2026-11-29 15:59:03.543738+00');
INSERT INTO public.face_embeddings VALUES ('95e878f7-03a6-4587-9e15-ec0aa824683e', 'bad92033-ef64-4b91-97dc-c2af8519d842', 'Alice', '[32,96,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', '{"space": {"model": "Dlib", "alignment": "template", "detection": "bounded", "normalization": "base", "expand_percentage": 0}, "labels": {"team": "blue"}, "source": "gallery", "quality": {"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 127.0}, "weights": "fake", "detector": "opencv", "liveness": null, "metadata": {"n": [1, null, 0.5], "née": "Ångström"}, "collection": "default", "confidence": 0.9, "retain_until": "2999-12-31T23:59:59+00:00"}', '2026-11-29 15:59:03.459318+00');
INSERT INTO public.face_embeddings VALUES ('f6dcd6b9-def9-4043-b97a-c1b3da0d87cd', '8ebdad30-652c-4104-90a5-16ecb5048579', 'Bob', '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', '{"space": {"model": "Dlib", "alignment": "template", "detection": "bounded", "normalization": "base", "expand_percentage": 0}, "labels": {"is": "Bob"}, "source": "gallery", "quality": {"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}, "weights": "fake", "detector": "opencv", "liveness": null, "metadata": {"changed": true}, "collection": "default", "confidence": 0.9, "retain_until": null}', '2026-11-29 15:59:03.434697+00');
INSERT INTO public.faces VALUES ('245f179a-9916-4d51-b46c-415fc02323cd', 'bad92033-ef64-4b91-97dc-c2af8519d842', 'default', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[32,64,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 108.0}', NULL, '\x89504e470d0a1a0a0000000d4948445200000028000000280802000000039c2f3a00000086494441545809c5c18100000000c2b03209e5fe14a184d1e6123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf430e5e732299765e6a00000000049454e44ae426082', '2026-11-29 15:59:03.421977+00', NULL, false);
INSERT INTO public.faces VALUES ('f6dcd6b9-def9-4043-b97a-c1b3da0d87cd', '8ebdad30-652c-4104-90a5-16ecb5048579', 'default', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}', NULL, '\x89504e470d0a1a0a0000000d4948445200000028000000280802000000039c2f3a0000007b494441545809c5c18100000000c2b0e72f11da51c2684b9587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754791883f35f29f5ba65ab0000000049454e44ae426082', '2026-11-29 15:59:03.434697+00', NULL, false);
INSERT INTO public.faces VALUES ('77b0a95f-04d5-4056-a73c-1c7463682ae4', '21cdb74e-3501-430c-81ed-71e0b1b3ea29', 'staff', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[32,64,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 108.0}', NULL, '\x89504e470d0a1a0a0000000d4948445200000028000000280802000000039c2f3a00000086494441545809c5c18100000000c2b03209e5fe14a184d1e6123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf4e0123db8440f2ed1834bf430e5e732299765e6a00000000049454e44ae426082', '2026-11-29 15:59:03.5144+00', NULL, false);
INSERT INTO public.faces VALUES ('95e878f7-03a6-4587-9e15-ec0aa824683e', 'bad92033-ef64-4b91-97dc-c2af8519d842', 'default', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[32,96,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 127.0}', NULL, NULL, '2026-11-29 15:59:03.459318+00', NULL, false);
INSERT INTO public.faces VALUES ('a799131d-d844-4c5f-9e3e-29a5c15a4fe2', 'bad92033-ef64-4b91-97dc-c2af8519d842', 'default', '{"alignment": "none", "detection": "bounded", "expand_percentage": 0, "model": "Facenet", "normalization": "base"}', 128, '[32,64,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 108.0}', NULL, NULL, '2026-11-29 15:59:03.467507+00', NULL, false);
INSERT INTO public.faces VALUES ('2053aead-fa71-41b9-b5e8-dc923a57b59d', '1e33c5b5-a855-4850-8c32-956314be0ae5', 'staff', '{"alignment": "eyes", "detection": "full", "expand_percentage": 10, "model": "Facenet512", "normalization": "base"}', 512, '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}', NULL, '\x89504e470d0a1a0a0000000d4948445200000028000000280802000000039c2f3a0000007b494441545809c5c18100000000c2b0e72f11da51c2684b9587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754791883f35f29f5ba65ab0000000049454e44ae426082', '2026-11-29 15:59:03.499135+00', NULL, false);
INSERT INTO public.faces VALUES ('6e0f522e-0e81-4d4f-b8fe-afefd3faac38', '21cdb74e-3501-430c-81ed-71e0b1b3ea29', 'staff', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[32,96,224,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 127.0}', NULL, '\x89504e470d0a1a0a0000000d4948445200000028000000280802000000039c2f3a00000085494441545809c5c10101000000c1309a88f6e8a2886173891e5ca20797e8c1257a70891e5ca20797e8c1257a70891e5ca20797e8c1257a70891e5ca20797e8c1257a70891e5ca20797e8c1257a70891e5ca20797e8c1257a70891e5ca20797e8c1257a70891e5ca20797e8c1257a70891e5ca20797e8c1257a70891e5ca20797e8c1257a18514637296eae6ca50000000049454e44ae426082', '2026-11-29 15:59:03.514683+00', NULL, false);
INSERT INTO public.faces VALUES ('ce8509df-505a-4708-aea9-04016c925a48', '4585274d-baab-46de-9843-8f1c8d41ffdd', 'staff', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}', NULL, '\x89504e470d0a1a0a0000000d4948445200000028000000280802000000039c2f3a0000007b494441545809c5c18100000000c2b0e72f11da51c2684b9587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754794895875479489587547948958754791883f35f29f5ba65ab0000000049454e44ae426082', '2026-11-29 15:59:03.526307+00', NULL, false);
INSERT INTO public.faces VALUES ('5034007a-5fe0-478c-845b-52d71519257b', '8ebdad30-652c-4104-90a5-16ecb5048579', 'default', '{"alignment": "template", "detection": "bounded", "expand_percentage": 0, "model": "Dlib", "normalization": "base"}', 128, '[224,224,160,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]', 'opencv', 'fake', '{"h": 40, "w": 40, "x": 20, "y": 30, "nose": null, "left_eye": [55, 35], "right_eye": [25, 35], "mouth_left": null, "mouth_right": null}', 0.9, '{"score": 0.0, "size_px": 40, "sharpness": 0.0, "brightness": 205.0}', NULL, NULL, '2026-11-29 15:59:03.543738+00', NULL, false);
INSERT INTO public.keys VALUES ('67951b183740', 'operator', '0b60c844f46fdd1b83f20c45f442fb326d811244adda30c73043d2828ccb941f', '["admin", "faces", "find", "gallery:read", "gallery:write"]', NULL, '2026-11-29 15:59:03.407331+00', NULL, NULL, NULL);
INSERT INTO public.keys VALUES ('8375c1ecd406', 'operator', 'c7317efc0e9e6de5dfaabf75d1b678cf668228596feda74f5aca3868e3eecd4d', '["admin", "faces", "find", "gallery:read", "gallery:write"]', NULL, '2026-11-29 15:59:03.278701+00', NULL, '2026-11-29 15:59:03.409842+00', NULL);
INSERT INTO public.misses VALUES ('8ebdad30-652c-4104-90a5-16ecb5048579', 2, NULL);
INSERT INTO public.misses VALUES ('1e33c5b5-a855-4850-8c32-956314be0ae5', 0, '2026-11-29 15:59:33.7498+00');
INSERT INTO public.persons VALUES ('bad92033-ef64-4b91-97dc-c2af8519d842', 'default', 'Alice', '{"team": "blue"}', '{"n": [1, null, 0.5], "née": "Ångström"}', '2026-11-29 15:59:03.421977+00', '2999-12-31 23:59:59+00', 'alice');
INSERT INTO public.persons VALUES ('1e33c5b5-a855-4850-8c32-956314be0ae5', 'staff', 'Élodie', '{}', '{}', '2026-11-29 15:59:03.499135+00', NULL, 'élodie');
INSERT INTO public.persons VALUES ('21cdb74e-3501-430c-81ed-71e0b1b3ea29', 'staff', 'Alice', '{}', '{}', '2026-11-29 15:59:03.5144+00', NULL, 'alice');
INSERT INTO public.persons VALUES ('4585274d-baab-46de-9843-8f1c8d41ffdd', 'staff', 'Bob', '{}', '{}', '2026-11-29 15:59:03.526307+00', NULL, 'bob');
INSERT INTO public.persons VALUES ('8ebdad30-652c-4104-90a5-16ecb5048579', 'default', 'Bob', '{"is": "Bob"}', '{"changed": true}', '2026-11-29 15:59:03.434697+00', NULL, 'bob');
INSERT INTO public.seals VALUES (1, '2026-11-29 15:59:03.476249+00', '0000000000000000000000000000000000000000000000000000000000000000', 'a2c4902ebbcd64506e45a5a852fde658d6e6a87b7c251b6907ca50669554abf7');
INSERT INTO public.seals VALUES (2, '2026-11-29 15:59:03.533857+00', 'a2c4902ebbcd64506e45a5a852fde658d6e6a87b7c251b6907ca50669554abf7', 'e16460b9120ddf6082fba2ba789259593047d534239d73822f05fab4f652da9a');
INSERT INTO public.seals VALUES (3, '2026-11-29 15:59:03.846821+00', 'e16460b9120ddf6082fba2ba789259593047d534239d73822f05fab4f652da9a', '736558ac308f146d7bc6510615078da030a06d4ef7d8e10e80beb77047ec6ca4');
SELECT pg_catalog.setval('public.changes_id_seq', 1, false);
SELECT pg_catalog.setval('public.events_id_seq', 37, true);
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
