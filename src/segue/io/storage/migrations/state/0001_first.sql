-- What a courier knows about one destination: where it stands, what it saw, what became of it.

CREATE TABLE cursor(lane INTEGER PRIMARY KEY, next_offset BIGINT NOT NULL, settled BLOB NOT NULL);

CREATE TABLE value(name TEXT PRIMARY KEY, body BLOB NOT NULL);

-- Tables made as time goes by, one per family and span of hours, and dropped whole.
CREATE TABLE bucket(family TEXT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (family, number));

-- Places of a messageId beyond the first one it was seen at.
CREATE TABLE again(high BIGINT NOT NULL, low BIGINT NOT NULL, place BIGINT NOT NULL, seen_ms BIGINT NOT NULL,
    PRIMARY KEY (high, low, place));
CREATE INDEX again_by_age ON again(seen_ms);

-- What receipts have in common, told once.
CREATE TABLE label(id INTEGER PRIMARY KEY, subscription TEXT NOT NULL, action TEXT NOT NULL, result TEXT NOT NULL,
    reason TEXT NOT NULL, status INTEGER NOT NULL, UNIQUE (subscription, action, result, reason, status));

-- Request ids that are not numbers; receipts name them by the negative of this id.
CREATE TABLE request(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE dead(id TEXT PRIMARY KEY, subscription TEXT NOT NULL, reason TEXT NOT NULL, message_id TEXT NOT NULL,
    person TEXT NOT NULL, letter BLOB NOT NULL);
CREATE INDEX dead_by_message ON dead(message_id);
CREATE INDEX dead_by_person ON dead(person);
CREATE INDEX dead_by_reason ON dead(reason, id);

CREATE TABLE count(minute BIGINT NOT NULL, source TEXT NOT NULL, subscription TEXT NOT NULL, result TEXT NOT NULL,
    reason TEXT NOT NULL, events BIGINT NOT NULL, PRIMARY KEY (minute, source, subscription, result, reason));

CREATE TABLE total(result TEXT NOT NULL, reason TEXT NOT NULL, events BIGINT NOT NULL, PRIMARY KEY (result, reason));

-- What other processes ask the courier to do.
CREATE TABLE command(id INTEGER PRIMARY KEY, name TEXT NOT NULL, arguments BLOB NOT NULL, asked_ms BIGINT NOT NULL);
