-- Rooms, their journals, and what makes a retried batch harmless.
-- An applied migration is never edited; a change is a new file, under the same number for every database.

-- Identity: an id is never given to a second room, so a node that remembers an old one can only miss. Names are compared
-- byte by byte, whatever the database's language.
CREATE TABLE rooms (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       TEXT   COLLATE "C" NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    active_ms  BIGINT NOT NULL
);

-- The sequencer. Narrow and alone, because raising the head is the lock that orders all writers of a room. Half of each
-- page is kept free, so that a new version of a row finds room beside the old one and no index is touched.
CREATE TABLE room_heads (
    room BIGINT PRIMARY KEY REFERENCES rooms (id),
    head BIGINT NOT NULL CHECK (head >= 0)
) WITH (fillfactor = 50);

-- No reference to rooms: it would be looked up for every row, and the head that is raised in the same transaction, and
-- does refer to its room, says as much.
CREATE TABLE room_updates (
    room    BIGINT NOT NULL,
    seq     BIGINT NOT NULL CHECK (seq > 0),
    time_ms BIGINT NOT NULL,
    author  TEXT,
    bytes   BYTEA  NOT NULL,
    PRIMARY KEY (room, seq)
);

-- Updates hardly compress, and trying costs more than the disk.
ALTER TABLE room_updates ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- The last batch of each start of each node, with the answer it got, written in the transaction of its rows.
CREATE TABLE journal_nodes (
    node       BYTEA  PRIMARY KEY CHECK (length(node) = 16),
    last_batch BIGINT NOT NULL,
    receipt    BYTEA  NOT NULL,
    updated_ms BIGINT NOT NULL
) WITH (fillfactor = 50);
