//! What every place for objects owes its callers, one public function a case.
//!
//! Knows the trait and nothing of what is behind it. The rule: a case that only one kind of place could pass does not belong here.
//!
//! A place's own tests call [`objects_contract!`](crate::objects_contract) with an expression that makes a fresh, empty [`Place`]; it makes
//! one test of each case.

mod keeping;
mod links;
mod lists;
mod parts;

use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::keeping::*;
pub use self::links::*;
pub use self::lists::*;
pub use self::parts::*;
use crate::{
    Body, ContentType, Disposition, Key, LinkSigner, NewObject, ObjectError, Objects, Prefix,
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
            what_is_deleted_is_gone
            readers_see_whole_objects_while_these_are_replaced
            objects_come_and_go_beside_each_other
            a_part_is_what_was_asked_for
            more_than_all_of_the_last_bytes_are_all
            a_part_of_nothing_is_out_of_range
            what_is_read_at_once_is_bounded
            lists_are_in_the_order_of_keys
            lists_come_in_pages
            lists_have_what_begins_so
            a_link_gives_the_object
            a_link_may_name_another_disposition
            a_link_is_for_one_object
            a_link_lasts_from_a_second_to_a_week
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

fn prefix(text: &str) -> Prefix {
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
        let (_, after) = include_str!("mod.rs").split_once("@$what $place;").unwrap();
        let (list, _) = after.split_once('}').unwrap();
        let listed: Vec<&str> = list.split_whitespace().collect();
        let sources = [
            include_str!("keeping.rs"),
            include_str!("parts.rs"),
            include_str!("lists.rs"),
            include_str!("links.rs"),
        ];
        let written = sources.iter().flat_map(|source| {
            let starts = source.split("\npub async fn ").skip(1);
            starts.map(|rest| rest.split('(').next().unwrap())
        });
        assert_eq!(listed, written.collect::<Vec<_>>());
    }
}
