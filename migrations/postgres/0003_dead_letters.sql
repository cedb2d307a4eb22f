-- What clients sent and the server did not take, so that somebody can find out why.

-- By name, for a refused update need not belong to a room that is stored. Bounded by whoever writes: the oldest go.
-- Whoever adds excludes others who do, so the order of the numbers is the order in which they came.
CREATE TABLE dead_letters (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room    TEXT   COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    reason  TEXT   NOT NULL,
    detail  TEXT   NOT NULL,
    sha256  BYTEA  NOT NULL CHECK (length(sha256) = 32),
    length  BIGINT NOT NULL CHECK (length >= length(bytes)),
    bytes   BYTEA  NOT NULL CHECK (length(bytes) <= 65536)
);

ALTER TABLE dead_letters ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE INDEX dead_letters_by_room ON dead_letters (room, id);
