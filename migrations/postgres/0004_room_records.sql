-- Who is opening which room at this moment, and what became of those who died at it.

-- The nodes that run, each start by itself, and when each was heard last, by the clock of the database.
CREATE TABLE nodes (
    node    BYTEA  PRIMARY KEY CHECK (length(node) = 16),
    seen_ms BIGINT NOT NULL
);

-- Written before a room's bytes are read, and gone once it has lived for a while: what a dead node leaves here may have
-- killed it. By name, for a room need not be stored to be opened.
CREATE TABLE room_openings (
    node   BYTEA   NOT NULL REFERENCES nodes (node),
    room   TEXT    COLLATE "C" NOT NULL,
    number BIGINT  NOT NULL,
    alone  BOOLEAN NOT NULL,
    PRIMARY KEY (node, room)
);

-- What is on the record of a room; most have none.
CREATE TABLE room_records (
    room      TEXT   COLLATE "C" PRIMARY KEY,
    deaths    BIGINT NOT NULL CHECK (deaths >= 0),
    set_aside TEXT   CHECK (set_aside IN ('deaths', 'operator')),
    time_ms   BIGINT NOT NULL
);
