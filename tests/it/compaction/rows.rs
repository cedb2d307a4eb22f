//! What is there after a compaction: the snapshot, the rows in reserve, the versions.

use scrible::compact::{Keep, KeepError};
use yrs::updates::decoder::Decode;
use yrs::{Doc, ReadTxn, StateVector, Transact, Update};

use super::place::{AS_VERSION, Place, ROOM, keeper, loaded, scrible, shown};

#[tokio::test]
async fn k6_rows_go_only_when_two_snapshots_cover_them_and_garbage_goes_at_once() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), scrible());
    place.edit(500).await;
    let kept = keeper.keep(ROOM, &Keep::Base).await.unwrap();
    assert_eq!(
        (kept.version, kept.snapshot.seq, kept.listed),
        (1, 500, false)
    );
    let (room, shown) = loaded(&*place.store).await;
    assert_eq!((room.updates.len(), shown), (0, place.shown()));
    let reserve = place
        .store
        .load_below(ROOM, 1)
        .await
        .unwrap()
        .unwrap()
        .updates;
    let rows: usize = reserve.iter().map(|row| row.bytes.len()).sum();
    assert!(
        kept.data.len() < rows / 3,
        "490 overwritten values: {} bytes of {rows} are left",
        kept.data.len()
    );
    assert_eq!(rows_stored(&place).await, 500, "in reserve");

    place.edit(7).await;
    let kept = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    assert_eq!(
        (kept.version, kept.snapshot.seq, kept.listed),
        (2, 507, true)
    );
    assert_eq!(
        rows_stored(&place).await,
        7,
        "the first 500 are in both snapshots"
    );
    assert_eq!(loaded(&*place.store).await.1, place.shown());

    let same = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    assert_eq!((same.version, same.is_old), (2, true), "nothing came since");
    place.edit(1).await;
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    place.edit(1).await;
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    place.edit(1).await;
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    let known = place.snapshots().await;
    let numbers: Vec<_> = known
        .iter()
        .map(|info| (info.version, info.listed))
        .collect();
    assert_eq!(
        numbers,
        [(5, false), (4, false), (2, true)],
        "bases that are superseded go, versions stay"
    );
    assert_eq!(
        keeper.keep("nobody", &AS_VERSION).await.unwrap_err(),
        KeepError::NotFound
    );
    keeper.documents.close().await;
}

async fn rows_stored(place: &Place) -> u64 {
    // Through the reserve: everything above what an older base covers is loaded with it.
    let newest = place.snapshots().await[0].version;
    match place.store.load_below(ROOM, newest).await {
        Ok(Some(room)) => room.updates.len() as u64,
        other => panic!("the reserve does not load: {other:?}"),
    }
}

/// The state vector that goes with a version is that of its bytes.
#[tokio::test]
async fn v2_a_version_has_the_state_vector_of_its_bytes() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), scrible());
    place.edit(30).await;
    let kept = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    let version = place
        .store
        .snapshot(ROOM, kept.version)
        .await
        .unwrap()
        .unwrap();
    let doc = Doc::new();
    doc.transact_mut()
        .apply_update(Update::decode_v1(&version.data).unwrap())
        .unwrap();
    assert_eq!(
        doc.transact().state_vector(),
        StateVector::decode_v1(&version.state_vector).unwrap()
    );
    assert_eq!(shown(&doc), place.shown());
    keeper.documents.close().await;
}
