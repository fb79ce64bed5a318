-- API keys are never stored: see key_hash and key_seal in the product's documentation.
CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('platform', 'enterprise', 'agent')),
    key_hash text NOT NULL UNIQUE,
    key_seal text NOT NULL,
    secret_id text NOT NULL,
    revoked boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE records (
    id text PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    client_id text UNIQUE,
    entries integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    verified_at timestamptz
);

CREATE TABLE vault_entries (
    record_id text NOT NULL REFERENCES records (id),
    position integer NOT NULL CHECK (position > 0),
    event text NOT NULL,
    body text NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL UNIQUE,
    signature text NOT NULL,
    key_id text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (record_id, position)
);

CREATE TABLE vault_signing_keys (
    key_id text PRIMARY KEY,
    public_key text NOT NULL,
    algorithm text NOT NULL,
    status text NOT NULL CHECK (status IN ('active', 'retired')),
    activated_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);

CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text NOT NULL,
    record_id text NOT NULL REFERENCES records (id),
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'done', 'failed')),
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

CREATE INDEX jobs_queued ON jobs (id) WHERE status = 'queued';

CREATE TABLE provisioned_items (
    name text PRIMARY KEY,
    body jsonb NOT NULL,
    checksum text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
