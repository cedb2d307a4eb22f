-- How much exports take, and what else than a room a repeated request made.

-- Bytes of the object; NULL until it is completed, and where the version before this one completed it.
ALTER TABLE exports ADD COLUMN size BIGINT CHECK (size >= 0);

-- Beside the room: the id of an invite, or the number of a version. NULL for a room, and while it is being made.
ALTER TABLE idempotency_keys ADD COLUMN made BIGINT;
