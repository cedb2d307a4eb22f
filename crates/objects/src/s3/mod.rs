//! Objects in a bucket of a server that speaks S3: Amazon's, or one of the many others.
//!
//! `config` says which, `upload` sends what is large, `fault` tells what went wrong. Requests are repeated by the SDK. The rule: nothing is
//! used that only one vendor's server has.

mod config;
mod fault;
mod upload;

use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::ServerSideEncryption;
use futures_util::stream;

pub use self::config::{Addressing, Encryption, S3Config, S3Credentials};
use self::fault::{Faults, Subject, chain};
use self::upload::{PART, Source};
use crate::objects::MAX_PAGE;
use crate::{
    ByteRange, ContentType, Disposition, Entry, Key, Link, LinkTerms, NewObject, Object,
    ObjectError, ObjectInfo, Objects, Page, Prefix, object,
};

/// Objects in a bucket.
pub struct S3Objects {
    bucket: Bucket,
    /// Signs links, and sends nothing.
    public: Client,
}

/// A bucket and the way to it.
#[derive(Clone)]
struct Bucket {
    client: Client,
    name: String,
    encryption: Encryption,
    faults: Faults,
}

impl S3Objects {
    /// Checks the settings. Nothing is sent.
    pub fn new(config: S3Config) -> Result<Self, ObjectError> {
        config.check()?;
        let mut public = config.sdk();
        if let Some(endpoint) = &config.public_endpoint {
            public = public.endpoint_url(config::slashed(endpoint));
        }
        Ok(Self {
            bucket: Bucket {
                client: Client::from_conf(config.sdk().build()),
                faults: Faults::new(config.shown()),
                name: config.bucket,
                encryption: config.encryption,
            },
            public: Client::from_conf(public.build()),
        })
    }
}

#[async_trait]
impl Objects for S3Objects {
    async fn check(&self) -> Result<(), ObjectError> {
        self.bucket.check().await
    }

    async fn put(&self, key: &Key, object: NewObject) -> Result<(), ObjectError> {
        let bucket = &self.bucket;
        let mut source = Source::open(&object.body).await?;
        if source.left() > PART {
            return upload::in_parts(bucket, key, &object, source).await;
        }
        let (encryption, key_id) = bucket.encryption();
        let body = source.next(&object.body).await?;
        let put = bucket.client.put_object();
        let put = put
            .bucket(&bucket.name)
            .key(key.as_str())
            .content_type(object.content_type.as_str())
            .content_disposition(object.disposition.as_str())
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(key_id)
            .body(ByteStream::from(body));
        let put = put.send().await.map_err(|error| {
            let doing = format!("keep the object {key}");
            bucket.faults.told(&doing, Subject::Object(key), &error)
        });
        put.map(drop)
    }

    async fn get(&self, key: &Key, range: Option<ByteRange>) -> Result<Object, ObjectError> {
        let bucket = &self.bucket;
        let asked = range.map(header_of).transpose()?;
        let got = bucket.client.get_object();
        let got = got
            .bucket(&bucket.name)
            .key(key.as_str())
            .set_range(asked)
            .send();
        let got = match got.await {
            Ok(got) => got,
            Err(error) => {
                let status = error.raw_response().map(|raw| raw.status().as_u16());
                if status == Some(416) {
                    let size = self.head(key).await?.size;
                    return Err(ObjectError::OutOfRange { size });
                }
                let doing = format!("read the object {key}");
                return Err(bucket.faults.told(&doing, Subject::Object(key), &error));
            }
        };
        let length = known_size(got.content_length);
        let (range, size) = match &got.content_range {
            None => (0..length, length),
            Some(header) => part_of(header).ok_or_else(|| {
                let why = format!("the server named a range that makes no sense: {header}");
                bucket.faults.away("read an object", &why)
            })?,
        };
        let info = ObjectInfo {
            size,
            content_type: content_type(got.content_type),
            disposition: disposition(got.content_disposition),
            modified: time(got.last_modified),
        };
        let faults = bucket.faults.clone();
        let pieces = stream::try_unfold(got.body, move |mut body| {
            let faults = faults.clone();
            async move {
                let piece = body.try_next().await;
                let piece = piece.map_err(|error| faults.away("read an object", &chain(&error)))?;
                Ok(piece.map(|piece| (piece, body)))
            }
        });
        Ok(Object {
            info,
            contents: object::whole(pieces, range.end - range.start),
            range,
        })
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, ObjectError> {
        let bucket = &self.bucket;
        let head = bucket.client.head_object();
        let head = head.bucket(&bucket.name).key(key.as_str()).send().await;
        match head {
            Ok(head) => Ok(ObjectInfo {
                size: known_size(head.content_length),
                content_type: content_type(head.content_type),
                disposition: disposition(head.content_disposition),
                modified: time(head.last_modified),
            }),
            Err(error) => {
                let doing = format!("look for the object {key}");
                let error = bucket.faults.told(&doing, Subject::Object(key), &error);
                if matches!(error, ObjectError::NotFound(_)) {
                    // An answer to HEAD does not say whether it is the bucket that is not there.
                    if let Err(gone @ ObjectError::NoBucket(_)) = self.check().await {
                        return Err(gone);
                    }
                }
                Err(error)
            }
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        let bucket = &self.bucket;
        let deleted = bucket.client.delete_object();
        let deleted = deleted.bucket(&bucket.name).key(key.as_str()).send().await;
        let Err(error) = deleted else { return Ok(()) };
        let doing = format!("delete the object {key}");
        match bucket.faults.told(&doing, Subject::Object(key), &error) {
            ObjectError::NotFound(_) => Ok(()),
            error => Err(error),
        }
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, ObjectError> {
        let bucket = &self.bucket;
        let limit = limit.clamp(1, MAX_PAGE);
        let mut entries: Vec<Entry> = Vec::new();
        let mut after = after.map(|key| key.as_str().to_owned());
        // Again only where all that came was somebody else's.
        loop {
            let listed = bucket.client.list_objects_v2();
            let listed = listed
                .bucket(&bucket.name)
                .prefix(prefix.as_str())
                .set_start_after(after)
                .max_keys(limit as i32);
            let listed = listed
                .send()
                .await
                .map_err(|error| bucket.faults.told("list objects", Subject::Bucket, &error))?;
            after = listed.contents().last().and_then(|last| last.key.clone());
            let ours = listed.contents.into_iter().flatten().filter_map(|found| {
                Some(Entry {
                    key: found.key?.parse().ok()?,
                    size: known_size(found.size),
                    modified: time(found.last_modified),
                })
            });
            entries.extend(ours.take(limit));
            let more = listed.is_truncated == Some(true) && after.is_some();
            if !more || !entries.is_empty() {
                let next = entries.last().filter(|_| more).map(|last| last.key.clone());
                return Ok(Page { entries, next });
            }
        }
    }

    async fn link(&self, key: &Key, terms: &LinkTerms) -> Result<Link, ObjectError> {
        let now = SystemTime::now();
        let expires = terms.expires(now)?;
        let unsigned = |why: String| {
            let faults = &self.bucket.faults;
            faults.away("sign a link", &why)
        };
        let config = PresigningConfig::builder()
            .start_time(now)
            .expires_in(terms.life)
            .build()
            .map_err(|error| unsigned(chain(&error)))?;
        let disposition = terms.disposition.as_ref().map(Disposition::to_string);
        let get = self.public.get_object();
        let get = get.bucket(&self.bucket.name).key(key.as_str());
        let signed = get.set_response_content_disposition(disposition);
        let signed = signed.presigned(config).await;
        let signed = signed.map_err(|error| unsigned(chain(&error)))?;
        Ok(Link {
            url: signed.uri().to_owned(),
            expires,
        })
    }
}

impl Bucket {
    async fn check(&self) -> Result<(), ObjectError> {
        let asked = self.client.head_bucket().bucket(&self.name).send().await;
        asked.map(drop).map_err(|error| {
            let doing = "keep objects";
            self.faults.told(doing, Subject::Bucket, &error)
        })
    }

    /// As requests want it, and the key of the key service.
    fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.encryption {
            Encryption::OfBucket => (None, None),
            Encryption::OfServer => (Some(ServerSideEncryption::Aes256), None),
            Encryption::OfKeyService(key) => (Some(ServerSideEncryption::AwsKms), key.clone()),
        }
    }
}

/// As the Range header wants it.
fn header_of(range: ByteRange) -> Result<String, ObjectError> {
    // What makes no sense for any object is refused here; the size is for the server to know.
    if let Err(error @ ObjectError::Invalid(_)) = range.of(u64::MAX) {
        return Err(error);
    }
    Ok(match range {
        ByteRange::From(first) => format!("bytes={first}-"),
        ByteRange::Between(first, last) => format!("bytes={first}-{last}"),
        ByteRange::Last(many) => format!("bytes=-{many}"),
    })
}

/// What a Content-Range header says: the part and the size of the whole.
fn part_of(header: &str) -> Option<(Range<u64>, u64)> {
    let (part, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let size = size.parse().ok()?;
    (first <= last && last < size).then(|| (first..last + 1, size))
}

fn known_size(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok())
        .unwrap_or_default()
}

fn content_type(header: Option<String>) -> ContentType {
    let known = header.and_then(|header| header.try_into().ok());
    known.unwrap_or_else(ContentType::unknown)
}

fn disposition(header: Option<String>) -> Option<Disposition> {
    header.and_then(|header| header.try_into().ok())
}

fn time(time: Option<DateTime>) -> SystemTime {
    let known = time.and_then(|time| time.try_into().ok());
    known.unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn links_have_the_bucket_where_the_server_wants_it() {
        let credentials = S3Credentials {
            access_key_id: "id".to_owned(),
            secret_access_key: "secret".into(),
            session_token: None,
        };
        let own = "https://files.example:9000".to_owned();
        let own = S3Config::new(Some(own), "boards".to_owned(), credentials.clone());
        let amazon = S3Config {
            region: "eu-central-1".to_owned(),
            ..S3Config::new(None, "boards".to_owned(), credentials)
        };
        let named = S3Config {
            addressing: Addressing::VirtualHost,
            ..own.clone()
        };
        let below = S3Config {
            public_endpoint: Some("https://board.example/s3".to_owned()),
            ..own.clone()
        };
        let slashed = S3Config {
            public_endpoint: Some("https://board.example/".to_owned()),
            ..own.clone()
        };
        for (config, wanted) in [
            (own, "https://files.example:9000/boards/a/b.png?"),
            (named, "https://boards.files.example:9000/a/b.png?"),
            (
                amazon,
                "https://boards.s3.eu-central-1.amazonaws.com/a/b.png?",
            ),
            (below, "https://board.example/s3/boards/a/b.png?"),
            (slashed, "https://board.example/boards/a/b.png?"),
        ] {
            let objects = S3Objects::new(config).unwrap();
            let terms = LinkTerms::lasting(std::time::Duration::from_secs(60));
            let link = objects.link(&"a/b.png".parse().unwrap(), &terms).await;
            let link = link.unwrap().url;
            assert!(link.starts_with(wanted), "{link}");
            assert!(link.contains("X-Amz-Expires=60"), "{link}");
        }
    }

    #[test]
    fn a_content_range_is_read_or_refused() {
        assert_eq!(part_of("bytes 2-4/10"), Some((2..5, 10)));
        for bad in [
            "",
            "2-4/10",
            "bytes 4-2/10",
            "bytes 2-10/10",
            "bytes */10",
            "bytes 2-4/*",
        ] {
            assert_eq!(part_of(bad), None, "{bad}");
        }
        let most = format!("bytes 0-{0}/{0}", u64::MAX);
        assert_eq!(part_of(&most), None);
    }

    #[test]
    fn ranges_are_written_as_http_wants_them() {
        assert_eq!(header_of(ByteRange::From(3)).unwrap(), "bytes=3-");
        assert_eq!(header_of(ByteRange::Between(3, 4)).unwrap(), "bytes=3-4");
        assert_eq!(header_of(ByteRange::Last(3)).unwrap(), "bytes=-3");
        assert!(header_of(ByteRange::Between(4, 3)).is_err());
    }
}
