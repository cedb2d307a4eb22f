//! What a server's refusals and a network's failures mean for objects.
//!
//! The rule: whoever reads the sentence knows which bucket it is, what the server said, and what would help.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::{Key, ObjectError};

/// Of what a server said, in bytes, how much is told.
const MAX_WORDS: usize = 300;

/// Tells errors of one bucket.
#[derive(Clone)]
pub struct Faults {
    bucket: String,
}

/// What a request was about.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    Bucket,
    Object(&'a Key),
}

/// What a server answered instead of what it was asked for.
struct Refusal<'a> {
    status: u16,
    /// None in an answer to HEAD.
    code: Option<&'a str>,
    words: String,
}

impl Faults {
    /// For a bucket by the name that sentences have for it.
    pub fn new(bucket: String) -> Self {
        Self { bucket }
    }

    /// What went wrong while something was done.
    pub fn told<E>(
        &self,
        doing: &str,
        subject: Subject<'_>,
        error: &SdkError<E, HttpResponse>,
    ) -> ObjectError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(refused) => {
                let status = refused.raw().status().as_u16();
                let refusal = Refusal {
                    status,
                    code: refused.err().code(),
                    words: short(refused.err().message().unwrap_or_default()),
                };
                self.refused(doing, subject, &refusal)
            }
            // What came was no S3: a proxy's own page, or half an answer.
            SdkError::ResponseError(answer) if answer.raw().status().is_client_error() => {
                let refusal = Refusal {
                    status: answer.raw().status().as_u16(),
                    code: None,
                    words: "an answer that is not S3's; see what stands between".to_owned(),
                };
                self.refused(doing, subject, &refusal)
            }
            SdkError::ConstructionFailure(_) => ObjectError::Invalid(format!(
                "cannot {doing} in {}: {}",
                self.bucket,
                chain(error)
            )),
            _ => self.away(doing, &chain(error)),
        }
    }

    /// The server could not be reached, or was lost.
    pub fn away(&self, doing: &str, why: &str) -> ObjectError {
        ObjectError::Unavailable(format!(
            "cannot {doing} in {} now: {}; see that its server runs and can be reached from here",
            self.bucket,
            short(why)
        ))
    }

    fn refused(&self, doing: &str, subject: Subject<'_>, refusal: &Refusal<'_>) -> ObjectError {
        let Refusal {
            status,
            code,
            words,
        } = refusal;
        let said = match code {
            Some(code) => format!("{status} {code} {words}"),
            None => format!("{status} {words}"),
        };
        let sentence = |help: &str| {
            let said = said.trim_end();
            format!("cannot {doing} in {}: {help} ({said})", self.bucket)
        };
        match (code.unwrap_or_default(), status, subject) {
            ("NoSuchBucket", _, _) | (_, 404, Subject::Bucket) => ObjectError::NoBucket(sentence(
                "there is no such bucket; create it, or name another one",
            )),
            ("NoSuchUpload", _, _) => {
                ObjectError::Unavailable(sentence("the upload was ended by somebody else"))
            }
            ("NoSuchKey" | "NotFound" | "", 404, Subject::Object(key)) => {
                ObjectError::NotFound(key.clone())
            }
            ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken", ..) => {
                ObjectError::Denied(sentence("the access key or its secret is not right"))
            }
            ("ExpiredToken", ..) => {
                ObjectError::Denied(sentence("the session token has expired; get new keys"))
            }
            ("RequestTimeTooSkewed", ..) => ObjectError::Denied(sentence(
                "the clock of this machine is wrong; set it by the network",
            )),
            (
                "PermanentRedirect"
                | "TemporaryRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException",
                ..,
            )
            | (_, 300..=399, _) => ObjectError::Invalid(sentence(
                "the bucket is in another region or at another endpoint than the settings say",
            )),
            // Some answers are 200 until the server finds that it cannot.
            (
                "InternalError" | "RequestTimeout" | "ServiceUnavailable" | "SlowDown"
                | "TooManyRequests",
                ..,
            )
            | (_, 408 | 429 | 500.., _) => {
                ObjectError::Unavailable(sentence("its server cannot do it now; try again later"))
            }
            (_, 401 | 403, _) => ObjectError::Denied(sentence(
                "the access key may not; give it GetObject, PutObject, DeleteObject, AbortMultipartUpload and ListBucket on this bucket",
            )),
            ("", 200..=299, _) => ObjectError::Invalid(sentence(
                "what answers there does not speak S3; see that the endpoint is right",
            )),
            _ => ObjectError::Invalid(sentence("its server does not take the request")),
        }
    }
}

/// An error and what caused it.
pub fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some repeat what they carry.
        if !words.contains(&next) {
            words = format!("{words}: {next}");
        }
        cause = error.source();
    }
    words
}

fn short(words: &str) -> String {
    let words = &words[..words.floor_char_boundary(MAX_WORDS)];
    words.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: Option<&str>, subject: Subject<'_>) -> ObjectError {
        let refusal = Refusal {
            status,
            code,
            words: "words".to_owned(),
        };
        Faults::new("bucket b".to_owned()).refused("do it", subject, &refusal)
    }

    #[test]
    fn every_refusal_is_of_one_kind() {
        let key: Key = "a".parse().unwrap();
        let object = Subject::Object(&key);
        let kind = |status, code| match refused(status, code, object) {
            ObjectError::NotFound(_) => "not found",
            ObjectError::OutOfRange { .. } => "out of range",
            ObjectError::Denied(_) => "denied",
            ObjectError::NoBucket(_) => "no bucket",
            ObjectError::Unavailable(_) => "unavailable",
            ObjectError::Invalid(_) => "invalid",
        };
        assert_eq!(kind(404, Some("NoSuchKey")), "not found");
        assert_eq!(kind(404, None), "not found");
        assert_eq!(kind(404, Some("NoSuchBucket")), "no bucket");
        assert_eq!(kind(404, Some("NoSuchUpload")), "unavailable");
        assert_eq!(kind(403, Some("AccessDenied")), "denied");
        assert_eq!(kind(403, None), "denied");
        assert_eq!(kind(401, None), "denied");
        assert_eq!(kind(400, Some("ExpiredToken")), "denied");
        assert_eq!(kind(403, Some("RequestTimeTooSkewed")), "denied");
        assert_eq!(kind(301, Some("PermanentRedirect")), "invalid");
        assert_eq!(kind(400, Some("AuthorizationHeaderMalformed")), "invalid");
        assert_eq!(kind(400, Some("EntityTooLarge")), "invalid");
        assert_eq!(kind(400, Some("RequestTimeout")), "unavailable");
        assert_eq!(kind(429, None), "unavailable");
        assert_eq!(kind(200, Some("InternalError")), "unavailable");
        assert_eq!(kind(200, None), "invalid");
        assert_eq!(kind(503, Some("SlowDown")), "unavailable");
        assert_eq!(kind(507, Some("XMinioStorageFull")), "unavailable");
        let error = refused(404, None, Subject::Bucket);
        assert!(matches!(error, ObjectError::NoBucket(_)), "{error}");
    }

    #[test]
    fn sentences_name_the_bucket_what_was_said_and_what_helps() {
        let error = refused(404, Some("NoSuchBucket"), Subject::Bucket);
        assert_eq!(
            error.to_string(),
            "cannot do it in bucket b: there is no such bucket; create it, or name another one (404 NoSuchBucket words)"
        );
    }
}
