-- What is held and, without ids, what is waited for, in the order of asking. `since` is seconds
-- since 1970; the ids of GPUs are a JSON list.

CREATE TABLE lease (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    holder  TEXT NOT NULL,
    since   REAL NOT NULL,
    cpu     TEXT NOT NULL,
    memory  INTEGER NOT NULL,
    storage INTEGER NOT NULL,
    gpus    INTEGER NOT NULL,
    ids     TEXT
);
