//! What trying again does not help against: keys, buckets, servers that are something else.

use std::time::Duration;

use scrible_objects::{LinkTerms, ObjectError, Objects, Prefix, S3Config};

use crate::place::{Bucket, config, fetch, key, large, object, open};
use crate::proxy::{Fate, Proxy};
use crate::server::SECRET_KEY;

pub async fn wrong_keys_are_denied() {
    let bucket = Bucket::new().await;
    let right = config(format!("http://{}", bucket.server.address));
    bucket.objects.put(&key("a"), object("x")).await.unwrap();
    let mut unknown = right.clone();
    unknown.credentials.access_key_id = "nobody".to_owned();
    let mut wrong = right;
    wrong.credentials.secret_access_key = "not-the-secret".into();
    for config in [unknown, wrong] {
        let objects = open(config);
        let told = [
            objects.check().await,
            objects.put(&key("b"), object("y")).await,
            objects.put(&key("b"), large()).await,
            objects.get(&key("a"), None).await.map(drop),
            objects.head(&key("a")).await.map(drop),
            objects.delete(&key("a")).await,
            objects.list(&Prefix::default(), None, 1).await.map(drop),
        ];
        for error in told.map(Result::unwrap_err) {
            assert!(matches!(error, ObjectError::Denied(_)), "{error:?}");
            let sentence = error.to_string();
            assert!(sentence.contains("access key"), "{sentence}");
            assert!(sentence.contains("bucket boards at http"), "{sentence}");
            for secret in [SECRET_KEY, "not-the-secret"] {
                assert!(!sentence.contains(secret), "{sentence}");
            }
        }
        let terms = LinkTerms::lasting(Duration::from_secs(60));
        let link = objects.link(&key("a"), &terms).await.unwrap();
        assert_eq!(fetch(&link.url).await, None);
    }
    assert!(bucket.objects.head(&key("a")).await.is_ok());
}

pub async fn a_bucket_that_is_not_there_is_told_of() {
    let no_bucket = Fate::Answer {
        status: "404 Not Found",
        body: "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>",
    };
    let bucket = Bucket::new().await;
    let objects = open(S3Config {
        bucket: "another".to_owned(),
        ..config(format!("http://{}", bucket.server.address))
    });
    // The server of the tests makes a bucket for whoever puts something there; others answer this.
    let proxy = Proxy::start(bucket.server.address, Vec::new(), no_bucket).await;
    let elsewhere = open(config(proxy.url()));
    let told = [
        objects.check().await,
        objects.head(&key("a")).await.map(drop),
        objects.delete(&key("a")).await,
        objects.list(&Prefix::default(), None, 1).await.map(drop),
        elsewhere.put(&key("a"), object("x")).await,
        elsewhere.put(&key("a"), large()).await,
        elsewhere.get(&key("a"), None).await.map(drop),
    ];
    for error in told.map(Result::unwrap_err) {
        assert!(matches!(error, ObjectError::NoBucket(_)), "{error:?}");
        assert!(error.to_string().contains("create it"), "{error}");
    }
    // Nothing of all this was tried twice.
    assert_eq!(proxy.connections(), 3);
}

pub async fn a_server_that_does_not_speak_like_one_is_told_of() {
    let bucket = Bucket::new().await;
    let list = async |status, body| {
        let answer = Fate::Answer { status, body };
        let proxy = Proxy::start(bucket.server.address, Vec::new(), answer).await;
        let objects = open(config(proxy.url()));
        objects.list(&Prefix::default(), None, 1).await.unwrap_err()
    };
    let page = list("200 OK", "<html>welcome!</html>").await;
    assert!(matches!(page, ObjectError::Invalid(_)), "{page:?}");
    let elsewhere = list("301 Moved Permanently", "").await;
    assert!(
        matches!(elsewhere, ObjectError::Invalid(_)),
        "{elsewhere:?}"
    );
    let not_here = list("403 Forbidden", "<html>not here!</html>").await;
    assert!(matches!(not_here, ObjectError::Denied(_)), "{not_here:?}");
}
