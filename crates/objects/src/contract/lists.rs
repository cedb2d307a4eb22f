//! Finding objects by how their keys begin.
//!
//! Knows the trait alone. The rule: the order is that of the keys' bytes, wherever there are slashes.

use std::time::Duration;

use super::{Place, key, keys, object, prefix};

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
