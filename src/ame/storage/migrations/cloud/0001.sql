CREATE TABLE cloud_tasks (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    username TEXT NOT NULL,
    password TEXT NOT NULL,
    files TEXT NOT NULL,
    criterion TEXT,
    server_arguments TEXT,
    client_arguments TEXT,
    tags TEXT NOT NULL,
    restart TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    changed DOUBLE PRECISION NOT NULL
);
CREATE TABLE cloud_versions (
    task TEXT NOT NULL,
    number INTEGER NOT NULL,
    files TEXT NOT NULL,
    made DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (task, number)
);
CREATE TABLE cloud_services (
    task TEXT PRIMARY KEY,
    run TEXT NOT NULL UNIQUE,
    machine TEXT NOT NULL,
    port INTEGER NOT NULL,
    version INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    arguments TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1,
    ref TEXT NOT NULL DEFAULT '',
    stopping INTEGER NOT NULL DEFAULT 0,
    created DOUBLE PRECISION NOT NULL,
    UNIQUE (machine, port)
);
CREATE TABLE cloud_clients (
    id TEXT PRIMARY KEY,
    attributes TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    changed DOUBLE PRECISION NOT NULL
);
CREATE TABLE cloud_keys (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
