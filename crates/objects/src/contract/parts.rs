//! Parts of objects.
//!
//! Knows the trait alone. The rule: what is asked for is told, also where there is nothing of it.

use super::{Place, key, object};
use crate::{ByteRange, ObjectError};

/// Cut to what is there, and told.
pub async fn a_part_is_what_was_asked_for(place: &dyn Place) {
    let objects = place.objects();
    objects.put(&key("a"), object("0123456789")).await.unwrap();
    for (range, part, text) in [
        (ByteRange::From(0), 0..10, "0123456789"),
        (ByteRange::From(9), 9..10, "9"),
        (ByteRange::Between(0, 0), 0..1, "0"),
        (ByteRange::Between(2, 4), 2..5, "234"),
        (ByteRange::Between(8, 99), 8..10, "89"),
        (ByteRange::Last(3), 7..10, "789"),
    ] {
        let got = objects.get(&key("a"), Some(range)).await.unwrap();
        assert_eq!((&got.range, got.info.size), (&part, 10), "{range:?}");
        assert_eq!(got.read(10).await.unwrap(), text, "{range:?}");
    }
    let range = Some(ByteRange::Between(4, 2));
    let error = objects.get(&key("a"), range).await.unwrap_err();
    assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
}

/// As HTTP has it.
pub async fn more_than_all_of_the_last_bytes_are_all(place: &dyn Place) {
    let objects = place.objects();
    objects.put(&key("a"), object("0123456789")).await.unwrap();
    let range = Some(ByteRange::Last(99));
    let got = objects.get(&key("a"), range).await.unwrap();
    assert_eq!((&got.range, got.info.size), (&(0..10), 10));
    assert_eq!(got.read(10).await.unwrap(), "0123456789");
}

/// And the size is told, so that somebody can ask better.
pub async fn a_part_of_nothing_is_out_of_range(place: &dyn Place) {
    let objects = place.objects();
    objects.put(&key("a"), object("0123456789")).await.unwrap();
    objects.put(&key("empty"), object("")).await.unwrap();
    for (name, range, size) in [
        ("a", ByteRange::From(10), 10),
        ("a", ByteRange::Between(10, 12), 10),
        ("a", ByteRange::Last(0), 10),
        ("empty", ByteRange::From(0), 0),
    ] {
        match objects.get(&key(name), Some(range)).await {
            Err(ObjectError::OutOfRange { size: told }) => assert_eq!(told, size),
            other => panic!("{name} {range:?}: {other:?}"),
        }
    }
    let range = Some(ByteRange::From(0));
    let error = objects.get(&key("nothing"), range).await.unwrap_err();
    assert!(matches!(error, ObjectError::NotFound(_)), "{error}");
}

/// Nobody's memory is filled by an object that is larger than he thought.
pub async fn what_is_read_at_once_is_bounded(place: &dyn Place) {
    let objects = place.objects();
    objects.put(&key("a"), object("0123456789")).await.unwrap();
    let whole = objects.get(&key("a"), None).await.unwrap();
    let error = whole.read(9).await.unwrap_err();
    assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
    let range = Some(ByteRange::From(1));
    let part = objects.get(&key("a"), range).await.unwrap();
    assert_eq!(part.read(9).await.unwrap(), "123456789");
}
