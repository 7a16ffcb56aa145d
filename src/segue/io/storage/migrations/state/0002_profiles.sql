-- What a partner has acknowledged about each person: attributes and their clocks (see segue.engine.profile).
-- The id is made from the person's key, which guards against the chance that two make the same.
CREATE TABLE profile(id INTEGER PRIMARY KEY, person TEXT NOT NULL, touched_day INTEGER NOT NULL,
    body BLOB NOT NULL);
