//! What every place for objects owes its callers, one public function a case.
//!
//! Knows the trait and nothing of what is behind it. The rule: a case that only one kind of place could pass does not belong here.
//!
//! A place's own tests call [`objects_contract!`](crate::objects_contract) with an expression that makes a fresh, empty [`Place`]; it makes
//! one test of each case.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;

use crate::{
    Body, ByteRange, ContentType, Disposition, Key, LinkSigner, LinkTerms, MAX_LINK_LIFE,
    NewObject, ObjectError, Objects,
};

/// A place for objects; empty at first.
#[async_trait]
pub trait Place: Send + Sync {
    /// The objects there.
    fn objects(&self) -> Arc<dyn Objects>;

    /// What somebody gets who has nothing but a link; `None` if he is refused.
    async fn fetch(&self, url: &str) -> Option<Fetched>;
}

/// What a link gave.
#[derive(PartialEq, Eq, Debug)]
pub struct Fetched {
    /// All of it.
    pub bytes: Bytes,
    /// From the header.
    pub content_type: String,
    /// From the header.
    pub disposition: String,
}

/// One case on a place of its own.
pub type Case = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes a test of each case of the contract, each with a fresh place from the expression. After `list`, an array of names and futures
/// instead, for a harness of the caller's own.
///
/// The caller's crate needs tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! objects_contract {
    ($place:expr) => {
        $crate::objects_contract! { @each tests $place }
    };
    (list $place:expr) => {
        $crate::objects_contract! { @each list $place }
    };
    (@each $what:ident $place:expr) => {
        $crate::objects_contract! { @$what $place;
            an_object_that_was_never_put_is_not_there
            what_was_put_comes_back
            putting_again_replaces
            an_empty_object_is_an_object
            a_file_is_kept_and_stays_where_it_is
            a_file_that_cannot_be_read_leaves_no_object
            twenty_megabytes_come_back
            a_part_is_what_was_asked_for
            more_than_all_of_the_last_bytes_are_all
            a_part_of_nothing_is_out_of_range
            what_is_read_at_once_is_bounded
            what_is_deleted_is_gone
            lists_are_in_the_order_of_keys
            lists_come_in_pages
            lists_have_what_begins_so
            a_link_gives_the_object
            a_link_may_name_another_disposition
            a_link_is_for_one_object
            a_link_lasts_from_a_second_to_a_week
            readers_see_whole_objects_while_these_are_replaced
            objects_come_and_go_beside_each_other
        }
    };
    (@list $place:expr; $($case:ident)*) => {
        [$((
            stringify!($case),
            Box::pin(async {
                let place = $place;
                $crate::contract::$case(&place).await;
            }) as $crate::contract::Case,
        )),*]
    };
    (@tests $place:expr; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let place = $place;
                $crate::contract::$case(&place).await;
            }
        )*
    };
}

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

/// Byte by byte, wherever there are slashes.
pub async fn lists_are_in_the_order_of_keys(place: &dyn Place) {
    let objects = place.objects();
    let sorted = ["A", "a-", "a.b", "a/b", "a/c.d", "a/c/d", "a0", "ab", "b/x"];
    for name in ["b/x", "a/b", "ab", "a0", "a.b", "a/c/d", "A", "a-", "a/c.d"] {
        objects.put(&key(name), object(name)).await.unwrap();
    }
    assert_eq!(keys(&*objects, "").await, sorted);
    for (at, after) in sorted.iter().enumerate() {
        let after = key(after);
        let page = objects.list(&prefix(""), Some(&after), 100).await.unwrap();
        let found: Vec<_> = page
            .entries
            .iter()
            .map(|entry| entry.key.as_str())
            .collect();
        assert_eq!(found, sorted[at + 1..], "after {after}");
    }
    let page = objects.list(&prefix(""), None, 100).await.unwrap();
    for entry in page.entries {
        let info = objects.head(&entry.key).await.unwrap();
        assert_eq!(entry.size, info.size);
        // One of the two may be in whole seconds.
        let later = entry.modified.max(info.modified);
        let apart = later.duration_since(entry.modified.min(info.modified));
        assert!(apart.unwrap() < Duration::from_secs(1));
    }
}

/// Of which the last one says so.
pub async fn lists_come_in_pages(place: &dyn Place) {
    let objects = place.objects();
    let names: Vec<String> = (0..25).map(|i| format!("x/{}/{i:02}", i % 3)).collect();
    for name in &names {
        objects.put(&key(name), object(name)).await.unwrap();
    }
    let mut sorted = names.clone();
    sorted.sort_unstable();
    for limit in [1, 7, 24, 25, 26, usize::MAX] {
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = objects.list(&prefix("x/"), after.as_ref(), limit).await;
            let page = page.unwrap();
            assert!(page.entries.len() <= limit);
            pages += 1;
            found.extend(page.entries.into_iter().map(|entry| entry.key.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, sorted, "{limit} on a page");
        assert_eq!(pages, 25_usize.div_ceil(limit), "{limit} on a page");
    }
}

/// Also in the middle of a word.
pub async fn lists_have_what_begins_so(place: &dyn Place) {
    let objects = place.objects();
    for name in ["a/b", "a/bc", "a/c", "ab/c", "b"] {
        objects.put(&key(name), object(name)).await.unwrap();
    }
    assert_eq!(keys(&*objects, "a").await, ["a/b", "a/bc", "a/c", "ab/c"]);
    assert_eq!(keys(&*objects, "a/").await, ["a/b", "a/bc", "a/c"]);
    assert_eq!(keys(&*objects, "a/b").await, ["a/b", "a/bc"]);
    assert_eq!(keys(&*objects, "a/b/").await, [""; 0]);
    assert_eq!(keys(&*objects, "c").await, [""; 0]);
}

/// To somebody who has nothing else.
pub async fn a_link_gives_the_object(place: &dyn Place) {
    let objects = place.objects();
    objects.put(&key("a/b"), object("linked")).await.unwrap();
    let terms = LinkTerms::lasting(Duration::from_secs(60));
    let before = SystemTime::now();
    let link = objects.link(&key("a/b"), &terms).await.unwrap();
    assert!(link.expires >= before + Duration::from_secs(60));
    assert!(link.expires <= SystemTime::now() + Duration::from_secs(60));
    let fetched = Fetched {
        bytes: "linked".into(),
        content_type: "text/plain".to_owned(),
        disposition: Disposition::inline("a.txt").to_string(),
    };
    assert_eq!(place.fetch(&link.url).await, Some(fetched));
    objects.delete(&key("a/b")).await.unwrap();
    assert_eq!(place.fetch(&link.url).await, None);
}

/// So one object can be shown and saved.
pub async fn a_link_may_name_another_disposition(place: &dyn Place) {
    let objects = place.objects();
    objects.put(&key("a"), object("linked")).await.unwrap();
    let disposition = Disposition::attachment("Tafel ä & b.txt");
    let terms = LinkTerms {
        disposition: Some(disposition.clone()),
        ..LinkTerms::lasting(Duration::from_secs(60))
    };
    let link = objects.link(&key("a"), &terms).await.unwrap();
    let fetched = place.fetch(&link.url).await.unwrap();
    assert_eq!(fetched.disposition, disposition.as_str());
    assert_eq!(fetched.bytes, "linked");
}

/// And for nothing that somebody makes of it.
pub async fn a_link_is_for_one_object(place: &dyn Place) {
    let objects = place.objects();
    for name in ["a", "b"] {
        objects.put(&key(name), object(name)).await.unwrap();
    }
    let terms = LinkTerms::lasting(Duration::from_secs(60));
    let link = objects.link(&key("a"), &terms).await.unwrap();
    let (path, query) = link.url.split_once('?').unwrap();
    let other = path.strip_suffix("/a").unwrap();
    assert_eq!(place.fetch(&format!("{other}/b?{query}")).await, None);
    assert_eq!(place.fetch(path).await, None);
    let longer = query.replace("xpires=", "xpires=9");
    assert_ne!(longer, query);
    assert_eq!(place.fetch(&format!("{path}?{longer}")).await, None);
    assert!(place.fetch(&link.url).await.is_some());
}

/// Asked for anything else, none is made.
pub async fn a_link_lasts_from_a_second_to_a_week(place: &dyn Place) {
    let objects = place.objects();
    for life in [Duration::from_secs(1), MAX_LINK_LIFE] {
        let terms = LinkTerms::lasting(life);
        objects.link(&key("a"), &terms).await.unwrap();
    }
    let tick = Duration::from_nanos(1);
    for life in [
        Duration::ZERO,
        Duration::from_secs(1) - tick,
        MAX_LINK_LIFE + tick,
    ] {
        let terms = LinkTerms::lasting(life);
        let error = objects.link(&key("a"), &terms).await.unwrap_err();
        assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
    }
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

/// Follows a link that a signer of ours made, as whoever answers at `base` would.
pub async fn follow(
    objects: &dyn Objects,
    signer: &LinkSigner,
    base: &str,
    url: &str,
) -> Option<Fetched> {
    let rest = url.strip_prefix(base)?.strip_prefix('/')?;
    let (key, query) = rest.split_once('?').unwrap_or((rest, ""));
    let key: Key = key.parse().ok()?;
    let other = signer.verify(&key, query, SystemTime::now()).ok()?;
    let object = objects.get(&key, None).await.ok()?;
    let disposition = other.or_else(|| object.info.disposition.clone());
    Some(Fetched {
        content_type: object.info.content_type.as_str().to_owned(),
        disposition: disposition?.to_string(),
        bytes: object.read(1024).await.ok()?,
    })
}

fn key(text: &str) -> Key {
    text.parse().expect("tests have sound keys")
}

fn prefix(text: &str) -> crate::Prefix {
    text.parse().expect("tests have sound prefixes")
}

fn object(text: &str) -> NewObject {
    NewObject {
        body: Body::Bytes(text.to_owned().into()),
        content_type: ContentType::try_from("text/plain").expect("a type"),
        disposition: Disposition::inline("a.txt"),
    }
}

async fn read(objects: &dyn Objects, name: &str) -> String {
    let object = objects.get(&key(name), None).await.unwrap();
    let bytes = object.read(1024 * 1024).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn missing(objects: &dyn Objects, name: &str) {
    let error = objects.get(&key(name), None).await.unwrap_err();
    assert!(
        matches!(&error, ObjectError::NotFound(k) if *k == key(name)),
        "{error}"
    );
    let error = objects.head(&key(name)).await.unwrap_err();
    assert!(
        matches!(&error, ObjectError::NotFound(k) if *k == key(name)),
        "{error}"
    );
}

async fn keys(objects: &dyn Objects, begin: &str) -> Vec<String> {
    let page = objects.list(&prefix(begin), None, 100).await.unwrap();
    assert_eq!(page.next, None);
    let keys = page.entries.into_iter();
    keys.map(|entry| entry.key.to_string()).collect()
}

/// Bytes without pattern, the same at every run.
fn noise(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let words = (0..len.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len).collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_case_is_left_out_of_the_macro() {
        let source = include_str!("contract.rs");
        let (_, after) = source.split_once("@$what $place;").unwrap();
        let (list, _) = after.split_once('}').unwrap();
        let listed: Vec<&str> = list.split_whitespace().collect();
        let written = source
            .split("\npub async fn ")
            .skip(1)
            .map(|rest| rest.split('(').next().unwrap())
            .filter(|name| *name != "follow");
        assert_eq!(listed, written.collect::<Vec<_>>());
    }
}
