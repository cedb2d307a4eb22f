//! `scrible room set-aside` and `release`: whether servers may open a room.
//!
//! Writes one record in the database. The rule: a running server is not told; it reads the record when it opens the room.

use anyhow::Result;

use crate::compact::Keeper;
use crate::room::RoomName;

/// Keeps servers from opening a room.
pub async fn set_aside(keeper: &Keeper, room: &RoomName) -> Result<()> {
    keeper.store.set_aside(room.shared()).await?;
    println!(
        "room {room:?} is set aside: it is not opened until `scrible room release`; a server that has it open goes on until \
         it is unloaded"
    );
    Ok(())
}

/// Lets them open it again, and forgets what it did.
pub async fn release(keeper: &Keeper, room: &RoomName) -> Result<()> {
    match keeper.store.clear_record(room.as_str()).await? {
        Some(record) => println!(
            "room {room:?} is opened again when somebody connects; its record is clean (deaths before: {})",
            record.deaths
        ),
        None => println!("room {room:?} was neither set aside nor suspect; nothing was changed"),
    }
    Ok(())
}
