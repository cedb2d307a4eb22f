//! Servers that are away, busy, mute, or lost in the middle.

use std::time::Duration;

use futures_util::StreamExt;
use scrible_objects::{ObjectError, Objects, Prefix, S3Config};

use crate::place::{Bucket, config, key, large, object, open, until};
use crate::proxy::{Fate, Proxy};
use crate::server::free_address;

const MIB: usize = 1024 * 1024;
const BUSY: Fate = Fate::Answer {
    status: "503 Slow Down",
    body: "<Error><Code>SlowDown</Code><Message>Please reduce your rate.</Message></Error>",
};

pub async fn a_server_that_is_not_there_is_unavailable_and_found_again() {
    let nowhere = open(config(format!("http://{}", free_address())));
    unavailable(nowhere.check().await);
    let mut bucket = Bucket::new().await;
    bucket.objects.put(&key("a"), object("x")).await.unwrap();
    bucket.server.end();
    unavailable(bucket.objects.check().await);
    unavailable(bucket.objects.put(&key("b"), object("y")).await);
    unavailable(bucket.objects.put(&key("b"), large()).await);
    unavailable(bucket.objects.get(&key("a"), None).await);
    unavailable(bucket.objects.head(&key("a")).await);
    unavailable(bucket.objects.delete(&key("a")).await);
    unavailable(bucket.objects.list(&Prefix::default(), None, 1).await);
    assert!(bucket.server.go_on().await, "its port was taken meanwhile");
    assert_eq!(text(&bucket, "a").await, "x");
    bucket.objects.put(&key("b"), object("y")).await.unwrap();
    assert_eq!(text(&bucket, "b").await, "y");
}

pub async fn a_server_that_cannot_do_it_now_is_asked_again() {
    let bucket = Bucket::new().await;
    let proxy = Proxy::start(bucket.server.address, vec![BUSY; 2], Fate::Pass).await;
    let objects = open(S3Config {
        attempts: 3,
        ..config(proxy.url())
    });
    objects.put(&key("a"), object("at last")).await.unwrap();
    assert_eq!(proxy.connections(), 3);
    assert_eq!(text(&bucket, "a").await, "at last");
}

pub async fn a_server_that_never_can_is_given_up() {
    let bucket = Bucket::new().await;
    let proxy = Proxy::start(bucket.server.address, Vec::new(), BUSY).await;
    let objects = open(config(proxy.url()));
    let sentence = unavailable(objects.put(&key("a"), object("x")).await);
    assert!(sentence.contains("503 SlowDown"), "{sentence}");
    assert_eq!(proxy.connections(), 2);
    unavailable(objects.put(&key("a"), large()).await);
    unavailable(objects.get(&key("a"), None).await);
    unavailable(objects.check().await);
}

pub async fn a_server_that_does_not_answer_is_given_up() {
    let bucket = Bucket::new().await;
    let proxy = Proxy::start(bucket.server.address, Vec::new(), Fate::Silence(0)).await;
    let objects = open(S3Config {
        attempt_timeout: Duration::from_millis(100),
        ..config(proxy.url())
    });
    unavailable(objects.put(&key("a"), object("x")).await);
    assert_eq!(proxy.connections(), 2);
    unavailable(objects.get(&key("a"), None).await);
}

pub async fn an_upload_that_is_cut_off_is_sent_again() {
    let bucket = Bucket::new().await;
    for (name, new) in [("whole", object(vec![b'x'; 7 * MIB])), ("parts", large())] {
        let cut = vec![Fate::CutUp(4 * MIB)];
        let proxy = Proxy::start(bucket.server.address, cut, Fate::Pass).await;
        let objects = open(config(proxy.url()));
        objects.put(&key(name), new).await.unwrap();
        assert!(proxy.connections() >= 2, "{name} was not cut off");
    }
    let size = async |name| bucket.objects.head(&key(name)).await.unwrap().size;
    assert_eq!(size("whole").await, 7 * MIB as u64);
    assert_eq!(size("parts").await, 9 * MIB as u64);
    assert_eq!(bucket.server.unended(), [""; 0]);
}

pub async fn an_upload_that_breaks_off_leaves_nothing() {
    let bucket = Bucket::new().await;
    for new in [object(vec![b'x'; 7 * MIB]), large()] {
        let proxy = Proxy::start(bucket.server.address, Vec::new(), Fate::CutUp(4 * MIB)).await;
        let objects = open(config(proxy.url()));
        unavailable(objects.put(&key("a"), new).await);
        let error = bucket.objects.head(&key("a")).await.unwrap_err();
        assert!(matches!(error, ObjectError::NotFound(_)), "{error}");
        assert_eq!(bucket.server.unended(), [""; 0]);
    }
}

pub async fn an_upload_that_is_given_up_leaves_nothing() {
    let bucket = Bucket::new().await;
    let mute = vec![Fate::Silence(4 * MIB)];
    let proxy = Proxy::start(bucket.server.address, mute, Fate::Pass).await;
    let objects = open(config(proxy.url()));
    let name = key("a");
    tokio::select! {
        put = objects.put(&name, large()) => panic!("it cannot end: {put:?}"),
        () = proxy.is_silent() => {}
    }
    assert_ne!(bucket.server.unended(), [""; 0]);
    until("the upload is aborted", || async {
        bucket.server.unended().is_empty()
    })
    .await;
    let error = bucket.objects.head(&key("a")).await.unwrap_err();
    assert!(matches!(error, ObjectError::NotFound(_)), "{error}");
}

pub async fn a_download_that_is_cut_off_ends_with_an_error() {
    let bucket = Bucket::new().await;
    bucket.objects.put(&key("a"), large()).await.unwrap();
    let proxy = Proxy::start(bucket.server.address, Vec::new(), Fate::CutDown(MIB)).await;
    let objects = open(config(proxy.url()));
    let mut got = objects.get(&key("a"), None).await.unwrap();
    let mut received = 0;
    let end = loop {
        match got.contents.next().await {
            Some(Ok(piece)) => received += piece.len(),
            other => break other,
        }
    };
    assert!(received > 0 && received < 9 * MIB);
    unavailable(end.expect("the end is not taken for that of the object"));
}

/// That it may work later, and how that is said.
fn unavailable<T>(told: Result<T, ObjectError>) -> String {
    let Err(error) = told else {
        panic!("it worked")
    };
    assert!(error.is_retryable(), "{error:?}");
    let sentence = error.to_string();
    assert!(sentence.contains("bucket boards at http"), "{sentence}");
    sentence
}

async fn text(bucket: &Bucket, name: &str) -> String {
    let got = bucket.objects.get(&key(name), None).await.unwrap();
    String::from_utf8(got.read(100).await.unwrap().to_vec()).unwrap()
}
