-- Who owns a room, who may come in, and who was there.

-- A room that came to be by being drawn in belongs to nobody, and nobody has decided about it: that is what the defaults say.
ALTER TABLE rooms
    ADD COLUMN title            TEXT COLLATE "C",
    ADD COLUMN owner            TEXT COLLATE "C",
    ADD COLUMN visibility       TEXT CHECK (visibility IN ('private', 'public')),
    ADD COLUMN link_role        TEXT    NOT NULL DEFAULT 'viewer' CHECK (link_role IN ('viewer', 'editor', 'owner')),
    ADD COLUMN password         TEXT,
    ADD COLUMN password_version BIGINT  NOT NULL DEFAULT 0,
    ADD COLUMN frontend         TEXT,
    ADD COLUMN viewers_export   BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN deleted_ms       BIGINT,
    -- When its purge began: from then on it is no room any more, under a name that no room can have.
    ADD COLUMN purged_ms        BIGINT,
    -- Rises with whatever decides about somebody who may have been let in.
    ADD COLUMN access_version   BIGINT  NOT NULL DEFAULT 0;

CREATE INDEX rooms_by_owner ON rooms (owner, name) WHERE owner IS NOT NULL;
CREATE INDEX rooms_purged ON rooms (id) WHERE purged_ms IS NOT NULL;

-- Secrets are stored as their SHA-256.
CREATE TABLE room_invites (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room       BIGINT NOT NULL REFERENCES rooms (id),
    secret     BYTEA  NOT NULL UNIQUE CHECK (length(secret) = 32),
    role       TEXT   NOT NULL CHECK (role IN ('viewer', 'editor', 'owner')),
    label      TEXT,
    created_by TEXT,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    max_uses   BIGINT CHECK (max_uses > 0),
    uses       BIGINT NOT NULL DEFAULT 0 CHECK (uses >= 0 AND uses <= max_uses),
    revoked_ms BIGINT
);

CREATE INDEX room_invites_by_room ON room_invites (room, id);

-- One for each person and room. It goes back to an invite, or to the room's password in one of its versions.
CREATE TABLE room_grants (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room             BIGINT NOT NULL REFERENCES rooms (id),
    session          BYTEA  NOT NULL CHECK (length(session) = 32),
    link             BYTEA  UNIQUE CHECK (length(link) = 32),
    name             TEXT,
    role             TEXT   NOT NULL CHECK (role IN ('viewer', 'editor', 'owner')),
    invite           BIGINT REFERENCES room_invites (id),
    password_version BIGINT,
    epoch            BIGINT NOT NULL CHECK (epoch >= 0),
    created_ms       BIGINT NOT NULL,
    expires_ms       BIGINT NOT NULL,
    revoked_ms       BIGINT,
    UNIQUE (session, room),
    CHECK ((invite IS NULL) <> (password_version IS NULL))
);

CREATE INDEX room_grants_by_room ON room_grants (room, id);
CREATE INDEX room_grants_by_invite ON room_grants (invite) WHERE invite IS NOT NULL;

-- Identities that are kept out for a while.
CREATE TABLE room_blocks (
    room     BIGINT NOT NULL REFERENCES rooms (id),
    identity TEXT   COLLATE "C" NOT NULL,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (room, identity)
);

-- Who was in a room: one row for each stay, written at its beginning and once more at its end. Bounded by whoever writes.
CREATE TABLE room_participants (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room      BIGINT NOT NULL REFERENCES rooms (id),
    session   BYTEA  NOT NULL CHECK (length(session) = 16),
    identity  TEXT,
    name      TEXT,
    role      TEXT   NOT NULL CHECK (role IN ('viewer', 'editor', 'owner')),
    client    BIGINT,
    joined_ms BIGINT NOT NULL,
    left_ms   BIGINT,
    UNIQUE (room, session)
);

CREATE INDEX room_participants_by_room ON room_participants (room, id);

-- What makes a repeated request harmless: the hash of its key, of what it asked for, and the room that it made. The room is filled in by
-- the transaction that writes the key.
CREATE TABLE idempotency_keys (
    key     BYTEA  PRIMARY KEY CHECK (length(key) = 32),
    request BYTEA  NOT NULL CHECK (length(request) = 32),
    room    BIGINT REFERENCES rooms (id),
    time_ms BIGINT NOT NULL
);

CREATE INDEX idempotency_keys_by_time ON idempotency_keys (time_ms);
CREATE INDEX idempotency_keys_by_room ON idempotency_keys (room);
