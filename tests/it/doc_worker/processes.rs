//! Workers that are killed, dropped, left idle or left alone, and what is left of them.

use std::time::Duration;

use rustix::process::{Signal, kill_process};
use scrible::doc_worker::{DocError, DocWorkers, DocWorkersConfig};
use scrible_wire::varint::write_number;
use serde_json::json;
use tokio::time::timeout;

use super::pool::{DEEP, Parent, Pool, cpu_ticks, list, nested, parsed, small, until};

#[tokio::test]
async fn d5_a_worker_that_is_killed_at_work_is_not_the_docs_fault() {
    let pool = Pool::new(1);
    let working = pool.workers.build(vec![nested(DEEP)]);
    let killing = async {
        let child = pool.at_work().await;
        kill_process(child, Signal::KILL).unwrap();
    };
    let (answer, ()) = tokio::join!(working, killing);
    let why = "the doc worker was killed by signal 9";
    assert_eq!(answer, Err(DocError::Unavailable(why.into())));
    pool.works().await;
    let health = pool.workers.health();
    assert_eq!((health.killed, health.running), (1, 1));
}

#[tokio::test]
async fn d5_a_program_that_is_no_doc_worker_is_not_the_docs_fault() {
    for program in ["/nonexistent", "/bin/false", "/bin/cat"] {
        let workers = DocWorkers::new(DocWorkersConfig {
            program: program.into(),
            workers: 1,
            max_doc_bytes: 1_000,
            time_limit: Duration::from_secs(60),
            fonts: Default::default(),
        });
        let answer = workers.json(vec![small()]).await;
        assert!(
            matches!(answer, Err(DocError::Unavailable(_))),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn d6_nobody_notices_that_an_idle_worker_was_killed() {
    let pool = Pool::new(1);
    for died in 1..4 {
        pool.works().await;
        let [child] = pool.children()[..] else {
            panic!("one child idles");
        };
        kill_process(child, Signal::KILL).unwrap();
        pool.works().await;
        assert_eq!(pool.workers.health().found_dead, died);
    }
}

#[tokio::test]
async fn d7_nobody_works_on_for_a_request_that_was_dropped() {
    let pool = Pool::new(1);
    tokio::select! {
        answer = pool.workers.build(vec![nested(DEEP)]) => panic!("{answer:?}"),
        _ = pool.at_work() => {}
    }
    until("the child is gone", || {
        pool.children().is_empty().then_some(())
    })
    .await;
    assert_eq!(pool.workers.health().abandoned, 1);
    pool.works().await;
}

#[tokio::test]
async fn d7_idle_workers_end_and_so_do_those_that_did_much() {
    let pool = Pool::new(2);
    pool.works().await;
    assert_eq!(pool.workers.health().running, 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    until("it ends", || {
        (pool.workers.health().idle == 1).then_some(())
    })
    .await;
    until("it is gone", || pool.children().is_empty().then_some(())).await;
    pool.works().await;
    let large = list(1, |_, update| {
        update.extend([0x28, 1, 1, b'm', 1, b'k', 1, 116]);
        write_number(update, 9 << 20);
        update.extend(vec![7; 9 << 20]);
    });
    let built = pool.workers.build(vec![large.clone()]).await.unwrap();
    assert_eq!(built.snapshot, large);
    assert_eq!(pool.children(), []);
    let health = pool.workers.health();
    assert_eq!((health.recycled, health.running), (1, 0));
}

#[tokio::test]
async fn d7_closing_ends_all_and_answers_whoever_waits() {
    let pool = Pool::new(1);
    let working = pool.workers.build(vec![nested(DEEP)]);
    let queued = pool.workers.json(vec![small()]);
    let closing = async {
        pool.at_work().await;
        pool.workers.close().await;
        assert_eq!(pool.children(), []);
    };
    let (working, queued, ()) = tokio::join!(working, queued, closing);
    let stopping = DocError::Unavailable("the server is stopping".into());
    assert_eq!(working.unwrap_err(), stopping);
    assert_eq!(queued.unwrap_err(), stopping);
    assert_eq!(
        pool.workers.json(vec![small()]).await.unwrap_err(),
        stopping
    );
    assert_eq!(pool.workers.health().running, 0);
}

#[tokio::test]
async fn d1_many_requests_share_few_workers() {
    let pool = Pool::new(2);
    let mut asking = tokio::task::JoinSet::new();
    for n in 0..50_u8 {
        let workers = pool.workers.clone();
        asking.spawn(async move {
            let name = b'a' + n % 26;
            let update = list(1, |_, update| {
                update.extend([0x28, 1, 1, b'm', 1, name, 1, 125, n]);
            });
            let built = workers.build(vec![update.clone()]).await.unwrap();
            assert_eq!(built.snapshot, update);
            let json = workers.json(vec![update]).await.unwrap();
            assert_eq!(
                parsed(&json)["m"][String::from(name as char)],
                json!(f64::from(n))
            );
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
    let health = pool.workers.health();
    assert_eq!((health.requests, health.started), (100, 2));
}

#[tokio::test]
async fn d7_no_worker_outlives_its_parent() {
    let mut idle = Parent::new(20 << 20);
    let mut busy = Parent::new(30 << 20);
    let deep = nested(1_000_000);
    busy.say(&json!({"build": {"blobs": [deep.len()]}}), &deep);
    let pid = until("it works", || {
        busy.worker().filter(|pid| cpu_ticks(*pid) > 20)
    })
    .await;
    // Neither Ctrl-C nor the stop of a whole service ends it; only the death of its parent does.
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        kill_process(pid, signal).unwrap();
    }
    idle.say(&json!({"json": {"blobs": [small().len()]}}), &small());
    assert_eq!(idle.hear(), json!("started"));
    assert_eq!(busy.worker(), Some(pid));
    for parent in [&mut idle, &mut busy] {
        // What goes to its standard input is still open: there is no end of input that would tell the worker.
        parent.shell.kill().unwrap();
        let gone = until("it ends with its parent", || {
            parent.worker().is_none().then_some(())
        });
        timeout(Duration::from_secs(2), gone)
            .await
            .expect("it ends at once");
    }
}

#[tokio::test]
async fn d1_a_panic_is_an_answer() {
    let mut parent = Parent::new(usize::MAX / 2);
    // More than any allocation may ask for, which the standard library panics over.
    parent.say(&json!({"build": {"blobs": [usize::MAX - 1]}}), &[]);
    let answer = parent.hear();
    let why = answer["panicked"]["why"].as_str().unwrap();
    assert!(why.starts_with("capacity overflow"), "{answer}");
    until("it ends", || parent.worker().is_none().then_some(())).await;
}
