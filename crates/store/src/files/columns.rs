//! What is selected of the tables of exports and assets, as SQL.
//!
//! Macros, so that statements are put together when they are compiled.

/// Of an export, with the name of its room.
macro_rules! export_columns {
    () => {
        "exports.number, exports.id, exports.room, (SELECT rooms.name FROM rooms WHERE rooms.id = exports.room) AS room_name, \
         exports.ordered, exports.at_least, exports.version, exports.ordered_by, exports.state, exports.progress, \
         exports.attempts, exports.error, exports.code, exports.outcome, exports.drawn, exports.size, exports.created_ms, \
         exports.ended_ms, exports.expires_ms, exports.worker"
    };
}

/// Whether the room of an export is not deleted. A subquery rather than a join, so that no other row is locked.
macro_rules! room_lives {
    () => {
        "(SELECT rooms.deleted_ms FROM rooms WHERE rooms.id = exports.room) IS NULL"
    };
}

/// Of an asset.
macro_rules! asset_columns {
    () => {
        "assets.id, assets.room, assets.name, assets.content, assets.content_type, assets.size, assets.created_by, \
         assets.created_ms"
    };
}
