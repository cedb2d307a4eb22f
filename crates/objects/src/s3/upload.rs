//! Uploads in parts, for what is too large to be sent again from the start.
//!
//! One part is in memory at a time. The rule: an upload that does not become an object is aborted, because the server would keep, and
//! charge for, parts that nobody sees. Only a process that is killed leaves some; a lifecycle rule of the bucket
//! (`AbortIncompleteMultipartUpload`) deletes those.

use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::Bucket;
use super::fault::Subject;
use crate::{Body, Key, NewObject, ObjectError};

/// Of a part, in bytes, and of what is sent without parts at most.
pub const PART: u64 = 8 * 1024 * 1024;
/// How many parts S3 allows.
const MAX_PARTS: u64 = 10_000;

/// The bytes of an object, which are read from the first to the last.
pub enum Source {
    Bytes(Bytes),
    File { file: File, left: u64 },
}

/// An upload that has begun. Dropped without an end, it is aborted.
struct Upload {
    bucket: Bucket,
    key: Key,
    /// The server's name for it; `None` once it has ended.
    id: Option<String>,
}

impl Source {
    pub async fn open(body: &Body) -> Result<Self, ObjectError> {
        match body {
            Body::Bytes(bytes) => Ok(Self::Bytes(bytes.clone())),
            Body::File(path) => {
                let opened = async {
                    let file = File::open(path).await?;
                    let left = file.metadata().await?.len();
                    Ok(Self::File { file, left })
                };
                opened.await.map_err(|error| unreadable(path, &error))
            }
        }
    }

    /// How many bytes are left.
    pub fn left(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { left, .. } => *left,
        }
    }

    /// The next bytes, as many as a part has or as are left.
    pub async fn next(&mut self, body: &Body) -> Result<Bytes, ObjectError> {
        let many = self.left().min(PART);
        match self {
            Self::Bytes(bytes) => Ok(bytes.split_to(many as usize)),
            Self::File { file, left } => {
                let mut part = BytesMut::zeroed(many as usize);
                let read = file.read_exact(&mut part).await;
                read.map_err(|error| match body {
                    Body::File(path) => unreadable(path, &error),
                    Body::Bytes(_) => ObjectError::Invalid(error.to_string()),
                })?;
                *left -= many;
                Ok(part.freeze())
            }
        }
    }
}

/// Keeps an object that is larger than a part.
pub async fn in_parts(
    bucket: &Bucket,
    key: &Key,
    object: &NewObject,
    source: Source,
) -> Result<(), ObjectError> {
    let size = source.left();
    if size > MAX_PARTS * PART {
        let most = MAX_PARTS * PART;
        return Err(ObjectError::Invalid(format!(
            "the object {key} has {size} bytes, which is more than the {most} that are uploaded"
        )));
    }
    let mut upload = Upload::begin(bucket, key, object).await?;
    let sent = upload.send(object, source).await;
    if sent.is_err() {
        upload.abort().await;
    }
    sent
}

impl Upload {
    async fn begin(bucket: &Bucket, key: &Key, object: &NewObject) -> Result<Self, ObjectError> {
        let (encryption, key_id) = bucket.encryption();
        let begun = bucket.client.create_multipart_upload();
        let begun = begun
            .bucket(&bucket.name)
            .key(key.as_str())
            .content_type(object.content_type.as_str())
            .content_disposition(object.disposition.as_str())
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(key_id);
        let begun = begun.send().await.map_err(|error| {
            let subject = Subject::Object(key);
            bucket.faults.told("begin an upload", subject, &error)
        })?;
        let Some(id) = begun.upload_id else {
            let why = "the server gave the upload no name";
            return Err(bucket.faults.away("begin an upload", why));
        };
        Ok(Self {
            bucket: bucket.clone(),
            key: key.clone(),
            id: Some(id),
        })
    }

    /// Sends all parts and makes them an object.
    async fn send(&mut self, object: &NewObject, mut source: Source) -> Result<(), ObjectError> {
        let (bucket, key) = (&self.bucket, &self.key);
        let doing = format!("upload the object {key}");
        let mut parts = Vec::new();
        let mut number = 0;
        while source.left() > 0 {
            number += 1;
            let part = source.next(&object.body).await?;
            let sent = bucket.client.upload_part();
            let sent = sent
                .bucket(&bucket.name)
                .key(key.as_str())
                .set_upload_id(self.id.clone())
                .part_number(number)
                .body(ByteStream::from(part));
            let sent = sent.send().await;
            let sent =
                sent.map_err(|error| bucket.faults.told(&doing, Subject::Object(key), &error))?;
            let part = CompletedPart::builder().part_number(number);
            parts.push(part.set_e_tag(sent.e_tag).build());
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let ended = bucket.client.complete_multipart_upload();
        let ended = ended
            .bucket(&bucket.name)
            .key(key.as_str())
            .set_upload_id(self.id.clone())
            .multipart_upload(parts.build());
        let ended = ended.send().await;
        ended.map_err(|error| bucket.faults.told(&doing, Subject::Object(key), &error))?;
        self.id = None;
        Ok(())
    }

    /// Ends the upload without an object.
    async fn abort(&mut self) {
        let Some(id) = self.id.take() else { return };
        let (bucket, key) = (&self.bucket, &self.key);
        let aborted = bucket.client.abort_multipart_upload();
        let aborted = aborted.bucket(&bucket.name).key(key.as_str());
        let Err(error) = aborted.upload_id(&id).send().await else {
            return;
        };
        let error = bucket
            .faults
            .told("abort an upload", Subject::Object(key), &error);
        tracing::warn!(
            %key, upload = id, %error,
            "an upload that broke off could not be aborted; a lifecycle rule of the bucket for incomplete uploads would delete it"
        );
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let mut unended = Self {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            id: Some(id),
        };
        runtime.spawn(async move { unended.abort().await });
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ObjectError {
    ObjectError::Invalid(format!(
        "cannot read {} to upload it: {error}",
        path.display()
    ))
}
