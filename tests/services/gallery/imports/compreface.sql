-- The tables of CompreFace 1.2 that hold subjects, as its Liquibase changelogs 0.0.1 to 0.2.7 leave them.
CREATE TABLE app (
    id bigint, name varchar(50) NOT NULL, guid varchar(36) NOT NULL, api_key varchar(36) NOT NULL,
    CONSTRAINT pk_app PRIMARY KEY (id)
);
CREATE TABLE model (
    id bigint, name varchar(255) NOT NULL, guid varchar(36) NOT NULL, app_id bigint NOT NULL,
    api_key varchar(36) NOT NULL, type varchar(1) NOT NULL, created_date timestamp,
    CONSTRAINT pk_model PRIMARY KEY (id),
    CONSTRAINT app_name_app_id_uindex UNIQUE (name, app_id),
    CONSTRAINT model_api_key_uindex UNIQUE (api_key),
    CONSTRAINT model_guid_uindex UNIQUE (guid),
    CONSTRAINT fk_app_id FOREIGN KEY (app_id) REFERENCES app (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE subject (
    id uuid, api_key varchar(36), subject_name varchar(255),
    CONSTRAINT pk_subject PRIMARY KEY (id),
    CONSTRAINT api_key_subject_name_uindex UNIQUE (api_key, subject_name),
    CONSTRAINT fk_subject_model_api_key
        FOREIGN KEY (api_key) REFERENCES model (api_key) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE img (id uuid, content bytea NOT NULL, CONSTRAINT pk_img PRIMARY KEY (id));
CREATE TABLE embedding (
    id uuid, subject_id uuid, embedding float8[] NOT NULL, calculator varchar(255) NOT NULL, img_id uuid,
    CONSTRAINT pk_embedding PRIMARY KEY (id),
    CONSTRAINT fk_subject_id FOREIGN KEY (subject_id) REFERENCES subject (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_img_id FOREIGN KEY (img_id) REFERENCES img (id)
);
