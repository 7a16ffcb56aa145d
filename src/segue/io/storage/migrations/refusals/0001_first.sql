-- What the receiver refused: the newest of it, and how many of each kind a day.

CREATE TABLE refusal(id INTEGER PRIMARY KEY, at_ms BIGINT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL,
    code TEXT NOT NULL, message TEXT NOT NULL, message_id TEXT NOT NULL, events BIGINT NOT NULL, sample BLOB NOT NULL);
CREATE INDEX refusal_by_place ON refusal(source, code, id);
CREATE INDEX refusal_by_message ON refusal(message_id);

CREATE TABLE refused(day BIGINT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL, code TEXT NOT NULL,
    events BIGINT NOT NULL, requests BIGINT NOT NULL, PRIMARY KEY (day, source, kind, code));
