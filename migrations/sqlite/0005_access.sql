-- Who owns a room, who may come in, and who was there.

-- A room that came to be by being drawn in belongs to nobody, and nobody has decided about it: that is what the defaults say.
ALTER TABLE rooms ADD COLUMN title TEXT;
ALTER TABLE rooms ADD COLUMN owner TEXT;
ALTER TABLE rooms ADD COLUMN visibility TEXT CHECK (visibility IN ('private', 'public'));
ALTER TABLE rooms ADD COLUMN link_role TEXT NOT NULL DEFAULT 'viewer' CHECK (link_role IN ('viewer', 'editor', 'owner'));
ALTER TABLE rooms ADD COLUMN password TEXT;
ALTER TABLE rooms ADD COLUMN password_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN frontend TEXT;
ALTER TABLE rooms ADD COLUMN viewers_export INTEGER NOT NULL DEFAULT 1 CHECK (viewers_export IN (0, 1));
ALTER TABLE rooms ADD COLUMN deleted_ms INTEGER;
-- When its purge began: from then on it is no room any more, under a name that no room can have.
ALTER TABLE rooms ADD COLUMN purged_ms INTEGER;
-- Rises with whatever decides about somebody who may have been let in.
ALTER TABLE rooms ADD COLUMN access_version INTEGER NOT NULL DEFAULT 0;

CREATE INDEX rooms_by_owner ON rooms (owner, name) WHERE owner IS NOT NULL;
CREATE INDEX rooms_purged ON rooms (id) WHERE purged_ms IS NOT NULL;

-- Secrets are stored as their SHA-256. AUTOINCREMENT: an id is never given again, and the order of ids is that in which they came.
CREATE TABLE room_invites (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    room       INTEGER NOT NULL REFERENCES rooms (id),
    secret     BLOB    NOT NULL UNIQUE CHECK (length(secret) = 32),
    role       TEXT    NOT NULL CHECK (role IN ('viewer', 'editor', 'owner')),
    label      TEXT,
    created_by TEXT,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    max_uses   INTEGER CHECK (max_uses > 0),
    uses       INTEGER NOT NULL DEFAULT 0 CHECK (uses >= 0 AND uses <= max_uses),
    revoked_ms INTEGER
) STRICT;

CREATE INDEX room_invites_by_room ON room_invites (room, id);

-- One for each person and room. It goes back to an invite, or to the room's password in one of its versions.
CREATE TABLE room_grants (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    room             INTEGER NOT NULL REFERENCES rooms (id),
    session          BLOB    NOT NULL CHECK (length(session) = 32),
    link             BLOB    UNIQUE CHECK (length(link) = 32),
    name             TEXT,
    role             TEXT    NOT NULL CHECK (role IN ('viewer', 'editor', 'owner')),
    invite           INTEGER REFERENCES room_invites (id),
    password_version INTEGER,
    epoch            INTEGER NOT NULL CHECK (epoch >= 0),
    created_ms       INTEGER NOT NULL,
    expires_ms       INTEGER NOT NULL,
    revoked_ms       INTEGER,
    UNIQUE (session, room),
    CHECK ((invite IS NULL) <> (password_version IS NULL))
) STRICT;

CREATE INDEX room_grants_by_room ON room_grants (room, id);
CREATE INDEX room_grants_by_invite ON room_grants (invite) WHERE invite IS NOT NULL;

-- Identities that are kept out for a while.
CREATE TABLE room_blocks (
    room     INTEGER NOT NULL REFERENCES rooms (id),
    identity TEXT    NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (room, identity)
) STRICT, WITHOUT ROWID;

-- Who was in a room: one row for each stay, written at its beginning and once more at its end. Bounded by whoever writes.
CREATE TABLE room_participants (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    room      INTEGER NOT NULL REFERENCES rooms (id),
    session   BLOB    NOT NULL CHECK (length(session) = 16),
    identity  TEXT,
    name      TEXT,
    role      TEXT    NOT NULL CHECK (role IN ('viewer', 'editor', 'owner')),
    client    INTEGER,
    joined_ms INTEGER NOT NULL,
    left_ms   INTEGER,
    UNIQUE (room, session)
) STRICT;

CREATE INDEX room_participants_by_room ON room_participants (room, id);

-- What makes a repeated request harmless: the hash of its key, of what it asked for, and the room that it made. The room is filled in by
-- the transaction that writes the key.
CREATE TABLE idempotency_keys (
    key     BLOB    PRIMARY KEY NOT NULL CHECK (length(key) = 32),
    request BLOB    NOT NULL CHECK (length(request) = 32),
    room    INTEGER REFERENCES rooms (id),
    time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_time ON idempotency_keys (time_ms);
CREATE INDEX idempotency_keys_by_room ON idempotency_keys (room);
