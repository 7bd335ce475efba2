-- The names of most runs are those of their tasks, which are few, and a chance ending: the search
-- index has the endings alone, so that a task of many runs does not make it long.
ALTER TABLE run ADD COLUMN rest TEXT NOT NULL DEFAULT '';
UPDATE run SET rest = CASE
    WHEN substr(name, 1, length(task) + 1) = task || '-' AND length(folded) = length(name) + 2
    THEN substr(folded, length(task) + 1)
    ELSE folded
END;

DROP TABLE gram;
DROP TABLE search;
CREATE VIRTUAL TABLE search USING fts5 (
    rest, content = 'run', content_rowid = 'id', columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);
-- Every three letters that follow one another in an ending.
CREATE VIRTUAL TABLE gram USING fts5vocab (search, row);
INSERT INTO search (search) VALUES ('rebuild');
