//! Compaction of rooms in which something is damaged.

use scrible::compact::KeepError;
use scrible_store::{StoreError, execute_raw};

use super::place::{AS_VERSION, Place, ROOM, keeper, loaded, scrible};

#[tokio::test]
async fn k9_a_damaged_newest_snapshot_falls_back_without_loss_and_is_replaced() {
    for damage in [
        "UPDATE room_snapshots SET data = substr(data, 1, length(data) - 1) WHERE version = 2",
        "UPDATE room_snapshots SET data = x'' WHERE version = 2",
        "UPDATE room_snapshots SET data = x'0000' WHERE version = 2",
        "UPDATE room_snapshots SET data = CAST(substr(data, 1, 20) || x'41' || substr(data, 22) AS BLOB) WHERE version = 2",
        "UPDATE room_snapshots SET data = (SELECT data FROM room_snapshots WHERE version = 1) WHERE version = 2",
        "UPDATE room_snapshots SET checksum = checksum + 1 WHERE version = 2",
        "PRAGMA ignore_check_constraints = ON; UPDATE room_snapshots SET builder = 'hand' WHERE version = 2",
    ] {
        let mut place = Place::new().await;
        let keeper = keeper(place.store.clone(), scrible());
        for _ in 0..2 {
            place.edit(30).await;
            keeper.keep(ROOM, &AS_VERSION).await.unwrap();
        }
        place.edit(5).await;
        execute_raw(&place.path(), damage).await;
        let (room, shown) = loaded(&*place.store).await;
        assert_eq!(shown, place.shown(), "{damage}");
        assert_eq!(room.passed_over.len(), 1, "{damage}");
        assert_eq!(room.base.unwrap().info.version, 1);
        let kept = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
        assert_eq!(kept.version, 3);
        let (room, shown) = loaded(&*place.store).await;
        assert_eq!(
            (room.passed_over.len(), shown),
            (0, place.shown()),
            "{damage}"
        );
        keeper.documents.close().await;
    }
}

#[tokio::test]
async fn k9_what_no_older_snapshot_can_replace_is_refused_and_left_as_it_is() {
    for damage in [
        // Without the rows before the second one the first does not help.
        "UPDATE room_snapshots SET data = x'0000' WHERE version >= 2",
        "UPDATE room_updates SET bytes = x'0000' WHERE seq = (SELECT max(seq) - 1 FROM room_updates)",
        "DELETE FROM room_updates WHERE seq = (SELECT max(seq) - 1 FROM room_updates)",
    ] {
        let mut place = Place::new().await;
        let keeper = keeper(place.store.clone(), scrible());
        for _ in 0..3 {
            place.edit(30).await;
            keeper.keep(ROOM, &AS_VERSION).await.unwrap();
        }
        place.edit(5).await;
        execute_raw(&place.path(), damage).await;
        let error = place.store.load(ROOM).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "{damage}: {error}"
        );
        let error = keeper.keep(ROOM, &AS_VERSION).await.unwrap_err();
        assert!(matches!(error, KeepError::Corrupt(_)), "{damage}: {error}");
        let known = place.snapshots().await;
        assert_eq!(known[0].version, 3, "{damage}");
        keeper.documents.close().await;
    }
}
