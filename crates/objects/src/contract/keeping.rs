//! Putting, reading, replacing and deleting, also by several at once.
//!
//! Knows the trait alone. The rule: what is read is compared byte for byte.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::join_all;

use super::{Place, key, keys, missing, noise, object, prefix, read};
use crate::{Body, ByteRange, ContentType, Disposition, NewObject, ObjectError};

/// Nothing is made up, and deleting it is no error.
pub async fn an_object_that_was_never_put_is_not_there(place: &dyn Place) {
    let objects = place.objects();
    objects.check().await.unwrap();
    for name in ["a", "a/b", "exports/x.png"] {
        missing(&*objects, name).await;
        objects.delete(&key(name)).await.unwrap();
    }
    let page = objects.list(&prefix(""), None, 10).await.unwrap();
    assert_eq!((page.entries, page.next), (Vec::new(), None));
}

/// With all that is known of it.
pub async fn what_was_put_comes_back(place: &dyn Place) {
    let objects = place.objects();
    let all: Bytes = (0..=255).collect::<Vec<u8>>().into();
    let new = NewObject {
        body: Body::Bytes(all.clone()),
        content_type: ContentType::try_from("image/svg+xml; charset=utf-8").unwrap(),
        disposition: Disposition::attachment("Tafel ä \"1\".svg"),
    };
    let before = SystemTime::now();
    objects.put(&key("a/b.svg"), new.clone()).await.unwrap();
    let object = objects.get(&key("a/b.svg"), None).await.unwrap();
    let info = object.info.clone();
    assert_eq!(info.size, 256);
    assert_eq!(info.content_type, new.content_type);
    assert_eq!(info.disposition, Some(new.disposition));
    // Places may count in whole seconds, and file systems in ticks of the kernel's.
    let put = info.modified + Duration::from_secs(1);
    assert!(put >= before && info.modified <= SystemTime::now());
    assert_eq!(object.range, 0..256);
    assert_eq!(object.read(256).await.unwrap(), all);
    assert_eq!(objects.head(&key("a/b.svg")).await.unwrap(), info);
}

/// Whether it is the same or another.
pub async fn putting_again_replaces(place: &dyn Place) {
    let objects = place.objects();
    for text in ["first", "first", "the second", "3"] {
        let mut new = object(text);
        new.disposition = Disposition::inline(text);
        objects.put(&key("a"), new).await.unwrap();
        assert_eq!(read(&*objects, "a").await, text);
        let info = objects.head(&key("a")).await.unwrap();
        assert_eq!(info.disposition, Some(Disposition::inline(text)));
    }
    let page = objects.list(&prefix(""), None, 10).await.unwrap();
    assert_eq!(page.entries.len(), 1);
}

/// Nothing in it, but it is there.
pub async fn an_empty_object_is_an_object(place: &dyn Place) {
    let objects = place.objects();
    objects.put(&key("a"), object("")).await.unwrap();
    assert_eq!(objects.head(&key("a")).await.unwrap().size, 0);
    let got = objects.get(&key("a"), None).await.unwrap();
    assert_eq!(got.range, 0..0);
    assert_eq!(got.read(0).await.unwrap(), "");
}

/// The caller's file is copied.
pub async fn a_file_is_kept_and_stays_where_it_is(place: &dyn Place) {
    let objects = place.objects();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from a file").unwrap();
    let new = NewObject {
        body: Body::File(file.path().to_owned()),
        ..object("")
    };
    objects.put(&key("a"), new).await.unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap(), b"from a file");
    file.close().unwrap();
    assert_eq!(read(&*objects, "a").await, "from a file");
}

/// Not there, or a folder: nobody should try again.
pub async fn a_file_that_cannot_be_read_leaves_no_object(place: &dyn Place) {
    let objects = place.objects();
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("nothing"), folder.path().to_owned()] {
        let new = NewObject {
            body: Body::File(path),
            ..object("")
        };
        let error = objects.put(&key("a"), new).await.unwrap_err();
        assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
        missing(&*objects, "a").await;
    }
}

/// From memory and from a file, byte for byte.
pub async fn twenty_megabytes_come_back(place: &dyn Place) {
    let objects = place.objects();
    let bytes = noise(20 * 1024 * 1024 + 1);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let bodies = [
        ("memory", Body::Bytes(bytes.clone())),
        ("file", Body::File(file.path().to_owned())),
    ];
    for (name, body) in bodies {
        let new = NewObject { body, ..object("") };
        objects.put(&key(name), new).await.unwrap();
        let got = objects.get(&key(name), None).await.unwrap();
        let got = got.read(bytes.len() as u64).await.unwrap();
        assert!(got == bytes, "{name}: the bytes differ");
        let range = ByteRange::Between(8 * 1024 * 1024 - 1, 8 * 1024 * 1024);
        let got = objects.get(&key(name), Some(range)).await.unwrap();
        let part = got.read(2).await.unwrap();
        assert_eq!(part, bytes[8 * 1024 * 1024 - 1..=8 * 1024 * 1024]);
        let info = objects.head(&key(name)).await.unwrap();
        assert_eq!(info.size, bytes.len() as u64);
        assert_eq!(info.content_type.as_str(), "text/plain");
        assert_eq!(info.disposition, Some(Disposition::inline("a.txt")));
    }
}

/// That alone, and also twice.
pub async fn what_is_deleted_is_gone(place: &dyn Place) {
    let objects = place.objects();
    for name in ["a/b/c", "a/b/d", "a/e"] {
        objects.put(&key(name), object(name)).await.unwrap();
    }
    for _ in 0..2 {
        objects.delete(&key("a/b/c")).await.unwrap();
        missing(&*objects, "a/b/c").await;
    }
    assert_eq!(keys(&*objects, "").await, ["a/b/d", "a/e"]);
    assert_eq!(read(&*objects, "a/b/d").await, "a/b/d");
    objects.put(&key("a/b/c"), object("again")).await.unwrap();
    assert_eq!(read(&*objects, "a/b/c").await, "again");
}

/// The one or the other, but no mixture, and never none.
pub async fn readers_see_whole_objects_while_these_are_replaced(place: &dyn Place) {
    let objects = place.objects();
    let text = |letter: char| letter.to_string().repeat(100_000);
    objects.put(&key("a"), object(&text('z'))).await.unwrap();
    let write = |letter: char| {
        let (objects, text) = (objects.clone(), text(letter));
        async move {
            for _ in 0..5 {
                objects.put(&key("a"), object(&text)).await.unwrap();
            }
        }
    };
    let reading = async {
        for _ in 0..20 {
            let seen = read(&*objects, "a").await;
            assert_eq!(seen.len(), 100_000);
            let first = seen.chars().next().unwrap();
            assert!(seen == text(first), "a mixture");
        }
    };
    tokio::join!(join_all(['a', 'b', 'c'].map(write)), reading);
}

/// Under each other's names, as in one folder.
pub async fn objects_come_and_go_beside_each_other(place: &dyn Place) {
    let objects = place.objects();
    let work = |nth: usize| {
        let objects = objects.clone();
        async move {
            let name = format!("one/two/{nth}");
            for _ in 0..10 {
                objects.put(&key(&name), object(&name)).await.unwrap();
                assert_eq!(read(&*objects, &name).await, name);
                objects.delete(&key(&name)).await.unwrap();
            }
        }
    };
    join_all((0..4).map(work)).await;
    assert_eq!(keys(&*objects, "").await, [""; 0]);
}
