-- Rows that left without an answer: they may have arrived, and what was decided about each.
CREATE TABLE uncertain(place BIGINT NOT NULL, subscription TEXT NOT NULL, part INTEGER NOT NULL,
    request BIGINT NOT NULL, action TEXT NOT NULL, message_id TEXT NOT NULL, policy TEXT NOT NULL,
    noted_ms BIGINT NOT NULL, PRIMARY KEY (place, subscription, part, request));
CREATE INDEX uncertain_by_age ON uncertain(noted_ms);
CREATE INDEX uncertain_by_message ON uncertain(message_id);

-- Which revision of the workspace was in force from which positions on.
CREATE TABLE revision(number INTEGER PRIMARY KEY, id TEXT NOT NULL, since_ms BIGINT NOT NULL, cursors BLOB NOT NULL);
