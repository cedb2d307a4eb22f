//! Compaction of rooms that are not opened as documents, because something would be lost or because it was tried and failed.

use scrible::compact::{Keep, KeepError};
use scrible_store::Builder;

use super::place::{AS_VERSION, Place, ROOM, dying, keeper, loaded, scrible};

/// Says that it has begun with the request, and aborts.
const AT_WORK: &str = r#"printf '\x09\0\0\0"started"'; kill -ABRT $$"#;

#[tokio::test]
async fn k8_a_sub_document_keeps_its_options_because_yrs_is_kept_away() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), scrible());
    // Client 9 puts the sub-document "g" with the option `{"m": true}` into the array `a`.
    let subdoc = [
        &[1, 1, 9, 0, 0x09, 1, 1, b'a'][..],
        &[1, b'g'],
        &[118, 1, 1, b'm', 120],
        &[0],
    ];
    let subdoc = subdoc.concat();
    place.append(vec![subdoc.clone().into()]).await;
    let kept = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    assert_eq!(kept.data, subdoc);
    assert_eq!(place.snapshots().await[0].builder, Builder::Bytes);
    assert_eq!(keeper.marks.all(), [], "this is as it should be");
    keeper.documents.close().await;
}

#[tokio::test]
async fn k5_bigints_and_hooks_stay_as_they_are_and_the_garbage_around_them_goes() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), scrible());
    // Client 9 sets the key `k` of the map `m` to [-0, 2^53 + 1 and 5 as BigInts], and puts an XML hook into the root `x`.
    let values = [
        &[0x28, 1, 1, b'm', 1, b'k', 1, 117, 3, 125, 0x40][..],
        &[122, 0, 0x20, 0, 0, 0, 0, 0, 1],
        &[122, 0, 0, 0, 0, 0, 0, 0, 5],
    ]
    .concat();
    let hook = [0x07, 1, 1, b'x', 5, 1, b'h'];
    let update = [&[1, 2, 9, 0], &values[..], &hook, &[0]].concat();
    place.append(vec![update.into()]).await;
    place.edit(500).await;
    let kept = keeper.keep(ROOM, &AS_VERSION).await.unwrap();
    assert_eq!(place.snapshots().await[0].builder, Builder::Doc);
    for bytes in [&values[..], &hook] {
        assert!(kept.data.windows(bytes.len()).any(|held| held == bytes));
    }
    assert!(
        kept.data.len() < 4_000,
        "{} bytes of 500 edits",
        kept.data.len()
    );
    keeper.documents.close().await;
}

#[tokio::test]
async fn k8_a_document_that_kills_the_worker_is_merged_by_bytes_and_named() {
    let mut place = Place::new().await;
    let keeper = keeper(place.store.clone(), dying(&place, AT_WORK));
    place.edit(20).await;
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    let marks = keeper.marks.all();
    assert!(
        marks.len() == 1 && marks[0].0 == ROOM && marks[0].1.contains("signal 6"),
        "{marks:?}"
    );
    assert_eq!(loaded(&*place.store).await.1, place.shown());
    let info = place.snapshots().await.remove(0);
    assert_eq!(
        (info.builder, info.note.as_deref()),
        (Builder::Bytes, Some(&*marks[0].1))
    );
    // It is not tried again, and once it works nobody would know: the note says by which version it was tried.
    place.edit(5).await;
    let again = self::keeper(place.store.clone(), dying(&place, "exit 3"));
    again.keep(ROOM, &Keep::Base).await.unwrap();
    assert_eq!(again.documents.health().started, 0);
    assert_eq!(again.marks.all(), marks);
    assert_eq!(loaded(&*place.store).await.1, place.shown());
    keeper.documents.close().await;
}

#[tokio::test]
async fn k7_a_worker_that_somebody_kills_costs_an_attempt_and_nothing_else() {
    let mut place = Place::new().await;
    place.edit(20).await;
    for script in [
        "kill -9 $$",
        "read -n 1 x; kill -9 $$",
        &AT_WORK.replace("ABRT", "KILL"),
    ] {
        let keeper = keeper(place.store.clone(), dying(&place, script));
        let error = keeper.keep(ROOM, &Keep::Base).await.unwrap_err();
        assert!(
            matches!(error, KeepError::Unavailable(_)),
            "{script}: {error}"
        );
        assert_eq!(place.snapshots().await, []);
        keeper.documents.close().await;
    }
    let keeper = keeper(place.store.clone(), scrible());
    keeper.keep(ROOM, &Keep::Base).await.unwrap();
    assert_eq!(loaded(&*place.store).await.1, place.shown());
    keeper.documents.close().await;
}
