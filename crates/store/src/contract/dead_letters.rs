//! Dead letters: what was refused comes back, and the newest stay.

use super::{Place, append, doc, noise, part};
use crate::{DeadLetter, Specimen, Store, StoreError};

fn letter(room: &str, number: usize, bytes: &[u8]) -> DeadLetter {
    DeadLetter {
        room: room.into(),
        time_ms: number as i64,
        reason: "malformed_update".into(),
        detail: format!("number {number}"),
        specimen: Specimen::of(bytes),
    }
}

async fn keeps(store: &dyn Store, letters: &[DeadLetter]) {
    store
        .add_dead_letters(letters)
        .await
        .expect("they are kept");
}

async fn times(store: &dyn Store, room: &str) -> Vec<i64> {
    let letters = store.dead_letters(room).await.expect("an answer");
    letters.iter().map(|letter| letter.time_ms).collect()
}

/// Byte for byte, newest first, from whichever handle, of rooms that are stored and of others.
pub async fn dead_letters_come_back_as_they_were(place: &dyn Place) {
    let (store, other) = (place.open().await, place.open().await);
    doc(&*store, "room", 1).await;
    let large = letter("room", 2, &noise(Specimen::KEPT_BYTES + 9));
    let letters = [
        letter("room", 1, b""),
        large,
        letter("nowhere", 3, b"\0\xff"),
    ];
    keeps(&*store, &letters).await;
    let [first, large, elsewhere] = letters;
    assert_eq!(other.dead_letters("room").await.unwrap(), [large, first]);
    assert_eq!(other.dead_letters("nowhere").await.unwrap(), [elsewhere]);
    assert_eq!(other.dead_letters("Room").await.unwrap(), []);
    keeps(&*other, &[]).await;
    let next = super::Node::new().batch(vec![part("room", None, &["2"])]);
    append(&*store, &next).await;
    assert_eq!(times(&*store, "room").await, [2, 1]);
}

/// The newest hundred of a room stay, and what others have is not touched for it.
pub async fn a_room_has_a_hundred_dead_letters_at_most(place: &dyn Place) {
    let store = place.open().await;
    keeps(&*store, &[letter("quiet", 0, b"x")]).await;
    let many: Vec<_> = (1..=130).map(|n| letter("loud", n, b"x")).collect();
    keeps(&*store, &many[..60]).await;
    keeps(&*store, &many[60..]).await;
    let newest: Vec<i64> = (31..=130).rev().collect();
    assert_eq!(times(&*store, "loud").await, newest);
    assert_eq!(times(&*store, "quiet").await, [0]);
}

/// The newest thousand stay.
pub async fn there_are_a_thousand_dead_letters_at_most(place: &dyn Place) {
    let store = place.open().await;
    let many: Vec<_> = (0..1_200)
        .map(|n| letter(&format!("room {}", n / 80), n, b"x"))
        .collect();
    keeps(&*store, &many).await;
    assert_eq!(times(&*store, "room 1").await, [0; 0]);
    let half: Vec<i64> = (200..240).rev().collect();
    assert_eq!(times(&*store, "room 2").await, half);
    assert_eq!(times(&*store, "room 14").await.len(), 80);
}

/// What is kept of them has a bound, too.
pub async fn dead_letters_have_sixteen_megabytes_at_most(place: &dyn Place) {
    let store = place.open().await;
    let bytes = noise(Specimen::KEPT_BYTES);
    let many: Vec<_> = (0..300)
        .map(|n| letter(&format!("room {}", n / 50), n, &bytes))
        .collect();
    for some in many.chunks(50) {
        keeps(&*store, some).await;
    }
    // 256 of them are 16 MiB.
    assert_eq!(times(&*store, "room 0").await, [49, 48, 47, 46, 45, 44]);
    assert_eq!(times(&*store, "room 5").await.len(), 50);
}

/// Nothing of it is kept.
pub async fn what_no_database_takes_is_invalid_in_a_dead_letter(place: &dyn Place) {
    let store = place.open().await;
    let sound = || letter("room", 1, b"x");
    let mut wrong = vec![letter("", 1, b"x"), letter("a\0b", 1, b"x")];
    wrong.extend(["", "a\0b", &"x".repeat(65)].map(|reason| DeadLetter {
        reason: reason.into(),
        ..sound()
    }));
    wrong.extend(["a\0b", &"x".repeat(1_025)].map(|detail| DeadLetter {
        detail: detail.into(),
        ..sound()
    }));
    let mut specimens = [sound(), sound(), sound()];
    specimens[0].specimen.bytes = noise(Specimen::KEPT_BYTES + 1);
    specimens[0].specimen.len = Specimen::KEPT_BYTES as u64 + 1;
    specimens[1].specimen.len = 0;
    specimens[2].specimen.len = u64::MAX;
    wrong.extend(specimens);
    for wrong in wrong {
        let refused = store.add_dead_letters(&[sound(), wrong]).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{refused:?}"
        );
    }
    assert_eq!(times(&*store, "room").await, [0; 0]);
    store.close().await;
    assert!(
        store
            .add_dead_letters(&[sound()])
            .await
            .unwrap_err()
            .is_retryable()
    );
    assert!(store.dead_letters("room").await.unwrap_err().is_retryable());
}
