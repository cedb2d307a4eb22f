-- Rooms, their journals, and what makes a retried batch harmless.
-- An applied migration is never edited; a change is a new file, under the same number for every database.

-- AUTOINCREMENT: an id is never given to a second room, so a node that remembers an old one can only miss.
CREATE TABLE rooms (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    active_ms  INTEGER NOT NULL
) STRICT;

-- The sequencer. Narrow and alone, because raising the head is the lock that orders all writers of a room.
CREATE TABLE room_heads (
    room INTEGER PRIMARY KEY REFERENCES rooms (id),
    head INTEGER NOT NULL CHECK (head >= 0)
) STRICT;

-- The bytes stand last: the small columns can then be read without walking the pages of a large update.
CREATE TABLE room_updates (
    room    INTEGER NOT NULL REFERENCES rooms (id),
    seq     INTEGER NOT NULL CHECK (seq > 0),
    time_ms INTEGER NOT NULL,
    author  TEXT,
    bytes   BLOB    NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- The last batch of each start of each node, with the answer it got, written in the transaction of its rows.
CREATE TABLE journal_nodes (
    node       BLOB    PRIMARY KEY NOT NULL CHECK (length(node) = 16),
    last_batch INTEGER NOT NULL,
    receipt    BLOB    NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
