-- What the destination's traffic cost, by the day (see segue.model.cost).
CREATE TABLE cost(day BIGINT NOT NULL, source TEXT NOT NULL, subscription TEXT NOT NULL, event TEXT NOT NULL,
    attribute TEXT NOT NULL, points BIGINT NOT NULL, points_saved BIGINT NOT NULL, objects BIGINT NOT NULL,
    objects_saved BIGINT NOT NULL, micro_requests BIGINT NOT NULL,
    PRIMARY KEY (day, source, subscription, event, attribute));
