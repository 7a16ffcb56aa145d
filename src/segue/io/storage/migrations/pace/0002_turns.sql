-- Processes use a pool in turns now, so what each knew of it is not wanted any more.
DROP TABLE pace;

-- Which processes are at work.
CREATE TABLE process(
    name TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL
);

-- A pool of a partner account as the last process left it.
CREATE TABLE pool(
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (account, name)
);
