-- Exports that were ordered, files that were pasted into boards, and what is to be deleted from the object store.

-- Due, by the clock of the store: while it waits, when its pause is over; while it is drawn, when its worker's lease ends. NULL once it has
-- ended, and while its room is deleted. AUTOINCREMENT: the order of the numbers is the order in which they came.
CREATE TABLE exports (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    room       INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    due_ms     INTEGER,
    worker     BLOB    CHECK (length(worker) = 16),
    progress   INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    at_least   INTEGER NOT NULL CHECK (at_least >= 0),
    version    INTEGER,
    drawn      INTEGER,
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    expires_ms INTEGER NOT NULL,
    ordered_by TEXT,
    code       TEXT,
    error      TEXT,
    ordered    BLOB    NOT NULL CHECK (length(ordered) <= 65536),
    outcome    BLOB    CHECK (length(outcome) <= 65536),
    CHECK ((ended_ms IS NULL) = (state IN ('pending', 'processing')))
) STRICT;

-- Whoever claims takes the first of these. What has ended is not among them, however much that is.
CREATE INDEX exports_due ON exports (due_ms, number) WHERE due_ms IS NOT NULL;
CREATE INDEX exports_by_room ON exports (room, number);
CREATE INDEX exports_not_ended ON exports (room) WHERE ended_ms IS NULL;
CREATE INDEX exports_by_expiry ON exports (expires_ms, number);

-- A name, and what it stands for: the bytes are in the object store under their hash.
CREATE TABLE assets (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    room         INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    content      BLOB    NOT NULL CHECK (length(content) = 32),
    content_type TEXT    NOT NULL,
    size         INTEGER NOT NULL CHECK (size >= 0),
    created_by   TEXT,
    created_ms   INTEGER NOT NULL,
    UNIQUE (room, name)
) STRICT;

-- With the sizes, so that they can be added up without looking at the rows.
CREATE INDEX assets_by_room ON assets (room, id, size);

-- How the keys of objects begin to which nothing refers any more. Never empty: that would be all.
CREATE TABLE orphans (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    prefix TEXT    NOT NULL CHECK (prefix <> '')
) STRICT;
