CREATE TABLE populations (
    name TEXT PRIMARY KEY,
    settings TEXT NOT NULL,
    revision BIGINT NOT NULL DEFAULT 0,
    created DOUBLE PRECISION NOT NULL
);
CREATE TABLE server_keys (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE tasks (
    population TEXT NOT NULL,
    id BIGINT NOT NULL,
    status INTEGER NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    proto BLOB NOT NULL,
    settings TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    created DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (population, id)
);
CREATE INDEX tasks_by_status ON tasks (status) WHERE status IN (1, 3);
CREATE TABLE rounds (
    population TEXT NOT NULL,
    task BIGINT NOT NULL,
    number BIGINT NOT NULL,
    status INTEGER NOT NULL,
    aggregation TEXT NOT NULL UNIQUE,
    base BIGINT NOT NULL,
    evaluated BIGINT,
    goal BIGINT NOT NULL,
    capacity BIGINT NOT NULL,
    active BIGINT NOT NULL DEFAULT 0,
    accepted BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    checkpoint TEXT NOT NULL,
    result TEXT NOT NULL DEFAULT '',
    fence BIGINT NOT NULL DEFAULT 0,
    held DOUBLE PRECISION NOT NULL DEFAULT 0,
    opened DOUBLE PRECISION NOT NULL,
    ended DOUBLE PRECISION,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (population, task, number)
);
CREATE INDEX rounds_active ON rounds (population, task) WHERE status < 50;
CREATE TABLE assignments (
    id TEXT PRIMARY KEY,
    population TEXT NOT NULL,
    task BIGINT NOT NULL,
    round BIGINT NOT NULL,
    session TEXT NOT NULL,
    status INTEGER NOT NULL,
    opened INTEGER NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    place BIGINT,
    weight DOUBLE PRECISION,
    due DOUBLE PRECISION NOT NULL,
    made DOUBLE PRECISION NOT NULL
);
CREATE INDEX assignments_due ON assignments (due) WHERE status < 2;
CREATE INDEX assignments_by_session ON assignments (session);
CREATE UNIQUE INDEX assignments_placed ON assignments (population, task, round, place)
    WHERE place IS NOT NULL;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    population TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,
    version TEXT NOT NULL,
    refused TEXT NOT NULL DEFAULT '',
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX sessions_by_age ON sessions (at);
CREATE TABLE changes (
    population TEXT NOT NULL,
    task BIGINT NOT NULL,
    round BIGINT NOT NULL,
    status INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL
);
CREATE INDEX changes_of_tasks ON changes (population, task, round);
CREATE TABLE fleet_metrics (
    population TEXT NOT NULL,
    task BIGINT NOT NULL,
    round BIGINT NOT NULL,
    name TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (population, task, round, name)
);
