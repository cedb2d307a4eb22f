//! What is selected of the directory's tables, as SQL.
//!
//! Macros, so that statements are put together when they are compiled.

/// Of a room.
macro_rules! room_columns {
    () => {
        "rooms.id, rooms.name, rooms.title, rooms.owner, rooms.visibility, rooms.link_role, rooms.password, \
         rooms.password_version, rooms.frontend, rooms.viewers_export, rooms.created_ms, rooms.active_ms, \
         rooms.deleted_ms, rooms.access_version"
    };
}

/// Of an invite.
macro_rules! invite_columns {
    () => {
        "id, role, label, created_by, created_ms, expires_ms, max_uses, uses, revoked_ms"
    };
}

/// Columns of a table under names with a prefix, each with a comma behind it.
macro_rules! renamed {
    ($table:literal, $prefix:literal, $($column:literal)*) => {
        concat!($($table, ".", $column, " AS ", $prefix, $column, ", ",)*)
    };
}

/// Of a grant and its invite, beside its room, under names with a prefix.
macro_rules! grant_columns {
    ($grant:literal, $invite:literal, $prefix:literal) => {
        concat!(
            renamed!($grant, $prefix, "id" "name" "role" "invite" "password_version" "epoch"),
            renamed!($grant, $prefix, "created_ms" "expires_ms" "revoked_ms"),
            source_stands!($grant, $invite),
            " AS ",
            $prefix,
            "stands"
        )
    };
}

/// Whether what a grant goes back to still stands.
macro_rules! source_stands {
    ($grant:literal, $invite:literal) => {
        concat!(
            "CASE WHEN ",
            $grant,
            ".invite IS NOT NULL THEN ",
            $invite,
            ".revoked_ms IS NULL \
             ELSE rooms.password IS NOT NULL AND rooms.password_version = ",
            $grant,
            ".password_version END"
        )
    };
}
