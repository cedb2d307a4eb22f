//! Which files boards have.

use std::sync::Arc;

use super::{Place, doc};
use crate::{Asset, AssetAdded, MAX_ASSET_NAME, NewAsset, Page, RoomId, Store, StoreError};

const NOW: i64 = 1_700_000_000_000;
const MOST: u64 = 1 << 40;
const ALL: Page = Page {
    before: None,
    limit: 10_000,
};

fn file(name: &str, content: u8) -> NewAsset {
    NewAsset {
        name: name.into(),
        content: [content; 32],
        content_type: "image/png".into(),
        size: 100,
        created_by: Some("sub:ann".into()),
        time_ms: NOW,
    }
}

async fn add(store: &dyn Store, room: RoomId, new: &NewAsset) -> Asset {
    match store.add_asset(room, new, MOST).await.expect("an answer") {
        AssetAdded::New(asset) => asset,
        other => panic!("{other:?}"),
    }
}

/// And never means another content.
pub async fn an_asset_is_noted_once_by_its_name(place: &dyn Place) {
    let store = place.open().await;
    let room = doc(&*store, "room", 1).await;
    let other = doc(&*store, "other", 1).await;
    let new = file("a.png", 1);
    let asset = add(&*store, room, &new).await;
    assert_eq!((asset.room_id, &asset.name), (room, &new.name));
    assert_eq!((asset.content, asset.size), (new.content, 100));
    assert_eq!(&*asset.content_type, "image/png");
    assert_eq!(asset.created_by, new.created_by);
    assert_eq!(asset.created_ms, NOW);
    let found = store.asset("room", "a.png").await.unwrap();
    assert_eq!(found, Some(asset.clone()));
    let later = NewAsset {
        time_ms: NOW + 1,
        created_by: None,
        ..new.clone()
    };
    // Even where nothing more fits in.
    let same = store.add_asset(room, &later, 0).await.unwrap();
    assert_eq!(same, AssetAdded::Same(asset));
    let changed = store.add_asset(room, &file("a.png", 2), MOST).await;
    assert_eq!(changed.unwrap(), AssetAdded::Other);
    assert_eq!(add(&*store, other, &file("a.png", 2)).await.room_id, other);
    assert_eq!(store.asset("room", "b.png").await.unwrap(), None);
    for (room, content, is_there) in [(room, 1, true), (room, 2, false), (other, 1, false)] {
        let found = store.has_content(room, &[content; 32]).await.unwrap();
        assert_eq!(found, is_there, "{content}");
    }
    assert_eq!(store.asset("nobody", "a.png").await.unwrap(), None);
    let nowhere = store.add_asset(RoomId(9_999), &new, MOST).await;
    assert_eq!(nowhere.unwrap(), AssetAdded::NoRoom);
    store.delete_room("room", NOW).await.unwrap();
    assert_eq!(store.asset("room", "a.png").await.unwrap(), None);
    assert_eq!(store.assets("room", ALL).await.unwrap(), []);
    let deleted = store.add_asset(room, &file("b.png", 2), MOST).await;
    assert_eq!(deleted.unwrap(), AssetAdded::NoRoom);
    assert_eq!(store.asset_bytes("room").await.unwrap(), (100, 1));
    store.undelete_room("room").await.unwrap();
    assert!(store.asset("room", "a.png").await.unwrap().is_some());
    // Another room of the same name is another room.
    store.delete_room("room", NOW).await.unwrap();
    assert!(store.purge_room("room").await.unwrap());
    doc(&*store, "room", 1).await;
    let late = store.add_asset(room, &file("b.png", 2), MOST).await;
    assert_eq!(late.unwrap(), AssetAdded::NoRoom);
    assert_eq!(store.assets("room", ALL).await.unwrap(), []);
}

/// Whatever stands in them.
pub async fn names_of_assets_differ_by_every_byte(place: &dyn Place) {
    let store = place.open().await;
    let room = doc(&*store, "room", 1).await;
    let longest = "ü".repeat(MAX_ASSET_NAME / 2);
    let names = [
        "a",
        "A",
        "a ",
        " a",
        "ä",
        "a\u{308}",
        "ß",
        "ss",
        "%61",
        "a%",
        "_",
        "'",
        "\"",
        "\\",
        "/",
        "..",
        "../a",
        "\u{1}",
        "\n",
        "\u{1F469}\u{200D}\u{1F680}",
        "\u{FFFF}",
        &longest,
    ];
    for (number, name) in names.into_iter().enumerate() {
        let asset = add(&*store, room, &file(name, number as u8)).await;
        assert_eq!(&*asset.name, name);
    }
    for (number, name) in names.into_iter().enumerate() {
        let found = store.asset("room", name).await.unwrap().unwrap();
        assert_eq!((&*found.name, found.content[0]), (name, number as u8));
    }
    assert_eq!(store.asset("room", "\0").await.unwrap(), None);
    assert_eq!(store.asset("room", "").await.unwrap(), None);
}

/// Exact, however many bring some at once. What has several names counts under each.
pub async fn a_rooms_assets_take_no_more_than_they_may(place: &dyn Place) {
    let store = place.open().await;
    let room = doc(&*store, "room", 1).await;
    let other = doc(&*store, "other", 1).await;
    assert_eq!(store.asset_bytes("room").await.unwrap(), (0, 0));
    assert_eq!(store.asset_bytes("nobody").await.unwrap(), (0, 0));
    add(&*store, other, &file("large", 1)).await;
    let adding: Vec<_> = (0..20)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let new = file(&number.to_string(), 7);
                store.add_asset(room, &new, 599).await
            })
        })
        .collect();
    let mut full = 0;
    for added in adding {
        match added.await.unwrap().unwrap() {
            AssetAdded::New(_) => {}
            AssetAdded::Full => full += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(full, 15);
    assert_eq!(store.asset_bytes("room").await.unwrap(), (500, 5));
    let small = NewAsset {
        size: 99,
        ..file("small", 8)
    };
    let added = store.add_asset(room, &small, 599).await.unwrap();
    assert!(matches!(added, AssetAdded::New(_)), "{added:?}");
    let usage = store.usage("room").await.unwrap().unwrap();
    assert_eq!((usage.assets, usage.asset_bytes), (6, 599));
    let largest = NewAsset {
        size: i64::MAX as u64,
        ..file("largest", 9)
    };
    let added = store.add_asset(room, &largest, u64::MAX).await.unwrap();
    assert!(matches!(added, AssetAdded::New(_)), "{added:?}");
}

/// In pages.
pub async fn assets_are_listed_newest_first_by_room(place: &dyn Place) {
    let store = place.open().await;
    let room = doc(&*store, "room", 1).await;
    let other = doc(&*store, "other", 1).await;
    for name in ["1", "2", "3", "4", "5"] {
        add(&*store, room, &file(name, 1)).await;
        add(&*store, other, &file(name, 1)).await;
    }
    let mut page = Page {
        before: None,
        limit: 2,
    };
    let mut seen = Vec::new();
    loop {
        let listed = store.assets("room", page).await.unwrap();
        let Some(last) = listed.last() else {
            break;
        };
        page.before = Some(last.id);
        seen.extend(listed.iter().map(|asset| asset.name.to_string()));
    }
    assert_eq!(seen, ["5", "4", "3", "2", "1"]);
    assert_eq!(store.assets("nobody", ALL).await.unwrap(), []);
}

/// In each of its texts.
pub async fn what_no_store_takes_is_invalid_in_an_asset(place: &dyn Place) {
    let store = place.open().await;
    let room = doc(&*store, "room", 1).await;
    let changes: [&(dyn Fn(&mut NewAsset) + Sync); 6] = [
        &|new| new.name = "".into(),
        &|new| new.name = "a\0b".into(),
        &|new| new.name = "x".repeat(MAX_ASSET_NAME + 1).into(),
        &|new| new.content_type = "a\0b".into(),
        &|new| new.created_by = Some("a\0b".into()),
        &|new| new.size = 1 << 63,
    ];
    for change in changes {
        let mut new = file("a.png", 1);
        change(&mut new);
        let refused = store.add_asset(room, &new, u64::MAX).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{refused:?}"
        );
    }
    assert_eq!(store.asset_bytes("room").await.unwrap(), (0, 0));
}
