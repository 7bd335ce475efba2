-- Times are microseconds since 1970 in UTC. A run's id is its time of creation, shifted left by
-- ten bits, plus a number that tells runs of one microsecond apart: so every index is in the order
-- of creation within its key, and the steps of a run lie beside those of the runs of that time.

CREATE TABLE run (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    folded    TEXT NOT NULL, -- the name without case; two newlines let its last letter begin three
    task      TEXT NOT NULL,
    project   TEXT NOT NULL,
    kind      TEXT NOT NULL,
    state     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    started   INTEGER,
    ended     INTEGER,
    owner     TEXT NOT NULL,
    folder    BLOB NOT NULL,
    "commit"  TEXT NOT NULL,
    dirty     INTEGER NOT NULL,
    arguments TEXT NOT NULL,
    resumes   TEXT NOT NULL
);
-- For each filter the runs in order, with what a search looks at, so that it need not look further.
CREATE INDEX run_state ON run (state, id, folded);
CREATE INDEX run_project ON run (project, state, id, folded);
CREATE INDEX run_task ON run (task, state, id, folded);
CREATE INDEX run_project_task ON run (project, task, state, id, folded);

-- What was run is long and never changes: apart, so that a new state does not rewrite it.
CREATE TABLE spec (
    run  INTEGER PRIMARY KEY,
    text TEXT NOT NULL
);

-- Every three letters that follow one another in a name; `gram` lists them.
CREATE VIRTUAL TABLE search USING fts5 (
    folded, content = 'run', content_rowid = 'id', columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);
CREATE VIRTUAL TABLE gram USING fts5vocab (search, row);

CREATE TABLE step (
    run     INTEGER NOT NULL,
    name    TEXT NOT NULL,
    "index" INTEGER NOT NULL,
    needs   TEXT NOT NULL,
    state   TEXT NOT NULL,
    reason  TEXT NOT NULL,
    started INTEGER,
    ended   INTEGER,
    limits  TEXT NOT NULL,
    key     TEXT NOT NULL,
    outputs TEXT NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE INDEX step_key ON step (key, ended) WHERE key != '' AND outputs != '' AND state = 'Succeeded';

CREATE TABLE attempt (
    run         INTEGER NOT NULL,
    step        TEXT NOT NULL,
    number      INTEGER NOT NULL,
    state       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    started     INTEGER NOT NULL,
    ended       INTEGER,
    exit_code   INTEGER,
    process     TEXT NOT NULL,
    peak_memory INTEGER,
    cpu_seconds REAL,
    PRIMARY KEY (run, step, number)
) WITHOUT ROWID;

-- A value that is not a number is kept as NULL.
CREATE TABLE metric (
    run       INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    step      TEXT NOT NULL,
    name      TEXT NOT NULL,
    value     REAL,
    at        INTEGER NOT NULL,
    iteration INTEGER,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;

CREATE TABLE artifact (
    run    INTEGER NOT NULL,
    path   BLOB NOT NULL,
    step   TEXT NOT NULL,
    digest TEXT NOT NULL,
    size   INTEGER NOT NULL,
    mode   INTEGER NOT NULL,
    PRIMARY KEY (run, path, step)
) WITHOUT ROWID;

CREATE INDEX artifact_by_content ON artifact (digest, path);

CREATE TABLE dataset (
    project  TEXT NOT NULL,
    name     TEXT NOT NULL,
    key      TEXT NOT NULL,
    manifest TEXT NOT NULL,
    size     INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    state    TEXT NOT NULL,
    run      TEXT NOT NULL,
    PRIMARY KEY (project, name, key)
) WITHOUT ROWID;
