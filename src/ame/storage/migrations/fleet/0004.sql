CREATE TABLE uploads (
    assignment TEXT PRIMARY KEY,
    content BLOB NOT NULL
);
