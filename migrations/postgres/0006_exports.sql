-- Exports that were ordered, files that were pasted into boards, and what is to be deleted from the object store.

-- Due, by the clock of the store: while it waits, when its pause is over; while it is drawn, when its worker's lease ends. NULL once it has
-- ended, and while its room is deleted. What cascades does so for the program before this migration, which purges rooms without it.
CREATE TABLE exports (
    number     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         BYTEA  NOT NULL UNIQUE CHECK (length(id) = 16),
    room       BIGINT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    state      TEXT   NOT NULL CHECK (state IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    due_ms     BIGINT,
    worker     BYTEA  CHECK (length(worker) = 16),
    progress   BIGINT NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    attempts   BIGINT NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    at_least   BIGINT NOT NULL CHECK (at_least >= 0),
    version    BIGINT,
    drawn      BIGINT,
    created_ms BIGINT NOT NULL,
    ended_ms   BIGINT,
    expires_ms BIGINT NOT NULL,
    ordered_by TEXT,
    code       TEXT,
    error      TEXT,
    ordered    BYTEA  NOT NULL CHECK (length(ordered) <= 65536),
    outcome    BYTEA  CHECK (length(outcome) <= 65536),
    CHECK ((ended_ms IS NULL) = (state IN ('pending', 'processing')))
);

-- Whoever claims takes the first of these. What has ended is not among them, however much that is.
CREATE INDEX exports_due ON exports (due_ms, number) WHERE due_ms IS NOT NULL;
CREATE INDEX exports_by_room ON exports (room, number);
CREATE INDEX exports_not_ended ON exports (room) WHERE ended_ms IS NULL;
CREATE INDEX exports_by_expiry ON exports (expires_ms, number);

-- A name, and what it stands for: the bytes are in the object store under their hash.
CREATE TABLE assets (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room         BIGINT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    name         TEXT   COLLATE "C" NOT NULL,
    content      BYTEA  NOT NULL CHECK (length(content) = 32),
    content_type TEXT   NOT NULL,
    size         BIGINT NOT NULL CHECK (size >= 0),
    created_by   TEXT,
    created_ms   BIGINT NOT NULL,
    UNIQUE (room, name)
);

-- With the sizes, so that they can be added up without looking at the rows.
CREATE INDEX assets_by_room ON assets (room, id, size);

-- How the keys of objects begin to which nothing refers any more. Never empty: that would be all.
CREATE TABLE orphans (
    id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix TEXT   NOT NULL CHECK (prefix <> '')
);
