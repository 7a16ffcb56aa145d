-- What stands before a person's body since only a clock of theirs has moved: many of them share a page.
CREATE TABLE stamp(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
