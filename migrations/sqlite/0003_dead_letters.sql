-- What clients sent and the server did not take, so that somebody can find out why.

-- By name, for a refused update need not belong to a room that is stored. Bounded by whoever writes: the oldest go.
-- AUTOINCREMENT: the order of the numbers is the order in which they came, also after the newest were deleted.
CREATE TABLE dead_letters (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    room    TEXT    NOT NULL,
    time_ms INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    detail  TEXT    NOT NULL,
    sha256  BLOB    NOT NULL CHECK (length(sha256) = 32),
    length  INTEGER NOT NULL CHECK (length >= length(bytes)),
    bytes   BLOB    NOT NULL CHECK (length(bytes) <= 65536)
) STRICT;

CREATE INDEX dead_letters_by_room ON dead_letters (room, id);
