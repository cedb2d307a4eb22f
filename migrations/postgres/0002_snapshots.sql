-- Snapshots, leases, checksums of rows, and a place for what repair takes out.

-- Version numbers never come back, although there is no counter: the newest snapshot of a room is never deleted, and the
-- next one is numbered after it.
CREATE TABLE room_snapshots (
    id           BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room         BIGINT  NOT NULL REFERENCES rooms (id),
    version      BIGINT  NOT NULL CHECK (version > 0),
    seq          BIGINT  NOT NULL CHECK (seq >= 0),
    size         BIGINT  NOT NULL CHECK (size >= 0),
    checksum     BIGINT  NOT NULL,
    listed       BOOLEAN NOT NULL,
    builder      TEXT    NOT NULL CHECK (builder IN ('doc', 'bytes')),
    note         TEXT,
    label        TEXT,
    author       TEXT,
    time_ms      BIGINT  NOT NULL,
    state_vector BYTEA   NOT NULL,
    data         BYTEA   NOT NULL,
    UNIQUE (room, version)
);

ALTER TABLE room_snapshots ALTER COLUMN state_vector SET STORAGE EXTERNAL;
ALTER TABLE room_snapshots ALTER COLUMN data SET STORAGE EXTERNAL;

-- Who may do what to a room until when, by the clock of the database, so that two do not do the same.
CREATE TABLE room_leases (
    room     BIGINT NOT NULL REFERENCES rooms (id),
    task     TEXT   NOT NULL,
    holder   BYTEA  NOT NULL CHECK (length(holder) = 16),
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (room, task)
);

ALTER TABLE room_updates ADD COLUMN checksum BIGINT;

-- What repair took out: the bytes as they stood, and in `about`, as JSON, the other columns of their row.
CREATE TABLE room_damaged (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room    BIGINT NOT NULL REFERENCES rooms (id),
    kind    TEXT   NOT NULL CHECK (kind IN ('row', 'snapshot')),
    number  BIGINT NOT NULL,
    reason  TEXT   NOT NULL,
    time_ms BIGINT NOT NULL,
    about   TEXT   NOT NULL,
    bytes   BYTEA  NOT NULL
);

ALTER TABLE room_damaged ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE INDEX room_damaged_by_room ON room_damaged (room);
