//! What a bucket has that a folder has not: parts, another endpoint for links, encryption, others.

use std::time::Duration;

use scrible_objects::{Encryption, LinkTerms, Objects, Prefix, S3Config};

use crate::place::{Bucket, config, fetch, key, large, object, open, until};
use crate::proxy::{Fate, Proxy};

pub async fn what_is_large_goes_up_in_parts() {
    let bucket = Bucket::new().await;
    let proxy = Proxy::start(bucket.server.address, Vec::new(), Fate::Pass).await;
    let objects = open(config(proxy.url()));
    objects.put(&key("small"), object("x")).await.unwrap();
    assert!(!proxy.sent().contains("uploadId="), "{}", proxy.sent());
    objects.put(&key("large"), large()).await.unwrap();
    assert!(proxy.sent().contains("PUT /boards/large?"));
    assert!(proxy.sent().contains("partNumber=1&uploadId="));
    let size = bucket.objects.head(&key("large")).await.unwrap().size;
    assert_eq!(size, 9 * 1024 * 1024);
    assert_eq!(bucket.server.unended(), [""; 0]);
}

pub async fn a_link_leads_to_the_public_endpoint() {
    let bucket = Bucket::new().await;
    let proxy = Proxy::start(bucket.server.address, Vec::new(), Fate::Pass).await;
    let objects = open(S3Config {
        public_endpoint: Some(proxy.url()),
        ..config(format!("http://{}", bucket.server.address))
    });
    objects.put(&key("a/b"), object("linked")).await.unwrap();
    let terms = LinkTerms::lasting(Duration::from_secs(60));
    let link = objects.link(&key("a/b"), &terms).await.unwrap();
    assert!(link.url.starts_with(&proxy.url()), "{}", link.url);
    assert_eq!(proxy.connections(), 0);
    assert_eq!(fetch(&link.url).await.unwrap().bytes, "linked");
    assert_eq!(proxy.connections(), 1);
}

pub async fn a_link_expires() {
    let bucket = Bucket::new().await;
    let objects = &bucket.objects;
    objects.put(&key("a"), object("x")).await.unwrap();
    let terms = LinkTerms::lasting(Duration::from_secs(1));
    let link = objects.link(&key("a"), &terms).await.unwrap();
    until("the link expires", || async {
        fetch(&link.url).await.is_none()
    })
    .await;
    let terms = LinkTerms::lasting(Duration::from_secs(60));
    let link = objects.link(&key("a"), &terms).await.unwrap();
    assert!(fetch(&link.url).await.is_some());
}

pub async fn encryption_is_asked_for() {
    let bucket = Bucket::new().await;
    let cases = [
        (Encryption::OfBucket, vec![]),
        (
            Encryption::OfServer,
            vec!["x-amz-server-side-encryption: AES256\r\n"],
        ),
        (
            Encryption::OfKeyService(Some("the-kms-key".to_owned())),
            vec![
                "x-amz-server-side-encryption: aws:kms\r\n",
                "x-amz-server-side-encryption-aws-kms-key-id: the-kms-key\r\n",
            ],
        ),
    ];
    for (encryption, headers) in cases {
        let proxy = Proxy::start(bucket.server.address, Vec::new(), Fate::Pass).await;
        let objects = open(S3Config {
            encryption,
            ..config(proxy.url())
        });
        objects.put(&key("a"), object("x")).await.unwrap();
        objects.put(&key("b"), large()).await.unwrap();
        let sent = proxy.sent();
        if headers.is_empty() {
            assert!(!sent.contains("server-side-encryption"), "{sent}");
        }
        for header in headers {
            // Of the object in one piece, and of the upload in parts.
            assert_eq!(sent.matches(header).count(), 2, "{header}");
        }
    }
}

pub async fn what_others_put_there_is_passed_over() {
    let bucket = Bucket::new().await;
    let objects = &bucket.objects;
    for name in ["a", "z"] {
        objects.put(&key(name), object(name)).await.unwrap();
    }
    for foreign in ["b c", "b+d", "y y"] {
        std::fs::write(bucket.server.bucket().join(foreign), "not ours").unwrap();
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = objects.list(&Prefix::default(), after.as_ref(), 1).await;
        let page = page.unwrap();
        found.extend(page.entries.into_iter().map(|entry| entry.key.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["a", "z"]);
    // By hand, and under a name that we could have given.
    std::fs::write(bucket.server.bucket().join("by-hand"), "by hand").unwrap();
    let info = objects.head(&key("by-hand")).await.unwrap();
    assert_eq!(info.content_type.as_str(), "application/octet-stream");
    assert_eq!(info.disposition, None);
}
