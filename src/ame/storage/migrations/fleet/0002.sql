ALTER TABLE changes ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
CREATE INDEX changes_by_revision ON changes (population, revision);
DROP INDEX rounds_active;
CREATE INDEX rounds_by_status ON rounds (population, task, status, number);
CREATE INDEX rounds_done ON rounds (population, task, ended, number) WHERE status = 50;
CREATE INDEX rounds_full ON rounds (population, task) WHERE status = 0 AND accepted >= goal;
CREATE INDEX rounds_held ON rounds (held) WHERE status IN (1, 4);
