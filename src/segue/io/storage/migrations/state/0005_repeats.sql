-- What the last identify of a person said, for destinations that debounce.
CREATE TABLE repeat(person TEXT NOT NULL PRIMARY KEY, touched_ms BIGINT NOT NULL, body BLOB NOT NULL);
CREATE INDEX repeat_by_age ON repeat(touched_ms);
