//! Docs that would take a worker too much memory or time cost no more than their request.

use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Signal, kill_process};
use scrible::doc_worker::DocError;
use scrible_wire::varint::write_number;
use serde_json::json;

use super::pool::{DEEP, Pool, list, nested, parsed, rss_bytes, small, sub_documents};

#[tokio::test]
async fn d1_text_that_yrs_reads_for_ever_is_text_or_refused() {
    let pool = Pool::new(1);
    let text = ["\u{1F600}b".len() as u8]
        .into_iter()
        .chain("\u{1F600}b".bytes());
    // At a root, where nobody knows the type, and in an array.
    let root = list(1, |_, update| {
        update.extend([4, 1, 1, b'o']);
        update.extend(text.clone());
    });
    let json = pool.workers.json(vec![root.clone()]).await.unwrap();
    assert_eq!(parsed(&json), json!({"o": "\u{1F600}b"}));
    pool.workers.build(vec![root]).await.unwrap();
    let array = list(2, |at, update| match at {
        0 => update.extend([0x27, 1, 1, b'm', 1, b'k', 0]),
        _ => {
            update.extend([4, 0, 7, 0]);
            update.extend(text.clone());
        }
    });
    let json = pool.workers.json(vec![array.clone()]).await;
    let why = "a list that is no text holds text with characters beyond the basic plane";
    assert_eq!(json, Err(DocError::Broken(why.into())));
    pool.workers.build(vec![array]).await.unwrap();
}

#[tokio::test]
async fn d1_types_in_each_other_cost_no_more_than_their_request() {
    let pool = Pool::new(1);
    let deep = nested(20_000);
    let json = pool.workers.json(vec![deep.clone()]).await;
    let why = "it nests deeper than 1000 levels";
    assert_eq!(json, Err(DocError::Broken(why.into())));
    // There is nothing wrong with it as a doc, not even when all of it is deleted.
    pool.workers.build(vec![deep.clone()]).await.unwrap();
    let deleted = Bytes::from_static(&[0, 1, 7, 1, 0, 1]);
    let built = pool.workers.build(vec![deep, deleted]).await.unwrap();
    assert!(built.snapshot.len() < 100);
    pool.works().await;
}

#[tokio::test]
async fn d4_what_is_too_large_is_not_even_sent() {
    let pool = Pool::with(1, 1_000, Duration::from_secs(60));
    let bytes = pool.max_doc_bytes + 1;
    let updates = vec![Bytes::from(vec![0; bytes - 1]), Bytes::from_static(&[0])];
    let limit = pool.max_doc_bytes;
    let refused = pool.workers.build(updates.clone()).await;
    assert_eq!(refused, Err(DocError::TooLarge { bytes, limit }));
    let refused = pool.workers.restore(vec![small()], updates).await;
    assert_eq!(refused, Err(DocError::TooLarge { bytes, limit }));
    assert_eq!(pool.workers.health().started, 0);
}

#[tokio::test]
async fn d4_a_doc_that_needs_more_memory_than_there_is_costs_its_worker_only() {
    let pool = Pool::with(1, 4 << 20, Duration::from_secs(60));
    let bomb = sub_documents(400_000);
    assert!(bomb.len() < pool.max_doc_bytes);
    let before = rss_bytes();
    let broken = pool.workers.json(vec![bomb]).await.map(|json| json.len());
    let why = "the doc worker ran into its memory limit";
    assert_eq!(broken, Err(DocError::Broken(why.into())));
    assert!(rss_bytes() < before + (200 << 20));
    pool.works().await;
    assert_eq!(pool.workers.health().broken, 1);
}

#[tokio::test]
async fn d4_a_worker_has_limits_and_no_secrets() {
    let pool = Pool::new(1);
    pool.works().await;
    let [child] = pool.children()[..] else {
        panic!("one child idles");
    };
    let read = |name: &str| {
        let path = format!("/proc/{}/{name}", child.as_raw_nonzero());
        std::fs::read_to_string(path).unwrap()
    };
    let limits = read("limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[26..].split_whitespace().next().unwrap().to_owned()
    };
    let memory = pool.max_doc_bytes * 52 + (512 << 20);
    assert_eq!(limit("Max address space"), memory.to_string());
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(read("oom_score_adj").trim(), "1000");
    assert_eq!(
        read("environ").matches('=').count(),
        1,
        "{}",
        read("environ")
    );
}

#[tokio::test]
async fn d4_single_edits_that_nobody_has_joined_take_memory_in_proportion() {
    // 512 MiB, and 52 times the 16 MB that are allowed.
    let pool = Pool::with(1, 16_000_000, Duration::from_secs(60));
    let log = list(50_000, |at, update| {
        match at {
            0 => update.extend([8, 1, 1, b'a']),
            _ => {
                update.extend([0x88, 7]);
                write_number(update, at as u64 - 1);
            }
        }
        update.extend([1, 119, 100]);
        update.extend([b'x'; 100]);
    });
    let built = pool.workers.build(vec![log.clone()]).await.unwrap();
    assert!(built.snapshot.len() < log.len());
    let emptied = Bytes::from_static(&[0, 1, 7, 1, 0, 0xd0, 0x86, 3]);
    let restored = pool.workers.restore(vec![log.clone(), emptied], vec![log]);
    assert_eq!(restored.await.unwrap().left, [""; 0]);
}

#[tokio::test]
async fn d4_what_takes_too_long_is_killed() {
    let pool = Pool::with(1, 16 << 20, Duration::from_millis(300));
    let broken = pool.workers.build(vec![nested(DEEP)]).await;
    let why = "it did not end within 300ms";
    assert_eq!(broken, Err(DocError::Broken(why.into())));
    assert_eq!(pool.children(), []);
    pool.works().await;
    assert_eq!(pool.workers.health().timed_out, 1);
}

#[tokio::test]
async fn d4_who_gets_no_processor_is_waited_for_ten_times_as_long() {
    let limit = Duration::from_millis(500);
    let pool = Pool::with(1, 16 << 20, limit);
    pool.works().await;
    let children = pool.children();
    kill_process(children[0], Signal::STOP).unwrap();
    let going_on = async {
        // That time passes is what it is about.
        tokio::time::sleep(limit * 5 / 2).await;
        kill_process(children[0], Signal::CONT).unwrap();
    };
    tokio::join!(pool.works(), going_on);
    assert_eq!(pool.children(), children);
    assert_eq!(pool.workers.health().timed_out, 0);
    kill_process(children[0], Signal::STOP).unwrap();
    let broken = pool.workers.json(vec![small()]).await;
    let why = "it did not end within 500ms";
    assert_eq!(broken, Err(DocError::Broken(why.into())));
    assert_eq!(pool.workers.health().timed_out, 1);
}
