-- What each process knows of the rate limits of a partner account, for the others that send to it.
CREATE TABLE pace(
    account TEXT NOT NULL,
    process TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (account, process)
);
