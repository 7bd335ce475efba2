ALTER TABLE assignments ADD COLUMN computed DOUBLE PRECISION;
CREATE TABLE allowed_keys (
    digest TEXT PRIMARY KEY,
    until DOUBLE PRECISION NOT NULL
);
CREATE TABLE calls_made (
    server TEXT NOT NULL,
    caller TEXT NOT NULL,
    calls DOUBLE PRECISION NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (server, caller)
);
CREATE INDEX calls_by_age ON calls_made (at);
