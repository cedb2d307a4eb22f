-- Who is opening which room at this moment, and what became of those who died at it.

-- The nodes that run, each start by itself, and when each was heard last.
CREATE TABLE nodes (
    node    BLOB    PRIMARY KEY NOT NULL CHECK (length(node) = 16),
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Written before a room's bytes are read, and gone once it has lived for a while: what a dead node leaves here may have
-- killed it. By name, for a room need not be stored to be opened.
CREATE TABLE room_openings (
    node   BLOB    NOT NULL REFERENCES nodes (node),
    room   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    alone  INTEGER NOT NULL CHECK (alone IN (0, 1)),
    PRIMARY KEY (node, room)
) STRICT, WITHOUT ROWID;

-- What is on the record of a room; most have none.
CREATE TABLE room_records (
    room      TEXT    PRIMARY KEY NOT NULL,
    deaths    INTEGER NOT NULL CHECK (deaths >= 0),
    set_aside TEXT    CHECK (set_aside IN ('deaths', 'operator')),
    time_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
