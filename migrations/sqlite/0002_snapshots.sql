-- Snapshots, leases, checksums of rows, and a place for what repair takes out.

-- A rowid table: large values do not belong into the tree of a WITHOUT ROWID table. The small columns stand first, so
-- they can be read without walking the pages of the data. Version numbers never come back, although there is no
-- counter: the newest snapshot of a room is never deleted, and the next one is numbered after it.
CREATE TABLE room_snapshots (
    id           INTEGER PRIMARY KEY,
    room         INTEGER NOT NULL REFERENCES rooms (id),
    version      INTEGER NOT NULL CHECK (version > 0),
    seq          INTEGER NOT NULL CHECK (seq >= 0),
    size         INTEGER NOT NULL CHECK (size >= 0),
    checksum     INTEGER NOT NULL,
    listed       INTEGER NOT NULL CHECK (listed IN (0, 1)),
    builder      TEXT    NOT NULL CHECK (builder IN ('doc', 'bytes')),
    note         TEXT,
    label        TEXT,
    author       TEXT,
    time_ms      INTEGER NOT NULL,
    state_vector BLOB    NOT NULL,
    data         BLOB    NOT NULL,
    UNIQUE (room, version)
) STRICT;

-- Who may do what to a room until when, so that two do not do the same.
CREATE TABLE room_leases (
    room     INTEGER NOT NULL REFERENCES rooms (id),
    task     TEXT    NOT NULL,
    holder   BLOB    NOT NULL CHECK (length(holder) = 16),
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (room, task)
) STRICT, WITHOUT ROWID;

-- Rows that were written before this migration have none.
ALTER TABLE room_updates ADD COLUMN checksum INTEGER;

-- What repair took out: the bytes as they stood, and in `about`, as JSON, the other columns of their row.
CREATE TABLE room_damaged (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    room    INTEGER NOT NULL REFERENCES rooms (id),
    kind    TEXT    NOT NULL CHECK (kind IN ('row', 'snapshot')),
    number  INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    time_ms INTEGER NOT NULL,
    about   TEXT    NOT NULL,
    bytes   BLOB    NOT NULL
) STRICT;

CREATE INDEX room_damaged_by_room ON room_damaged (room);
