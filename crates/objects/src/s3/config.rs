//! Which bucket, and how to speak to its server.
//!
//! Knows no names of settings. The rule: what cannot work is refused before anything is sent.

use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::ObjectError;

/// A bucket on a server that speaks S3.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// URL of the server; `None` for Amazon's own in the region.
    pub endpoint: Option<String>,
    /// URL of the same server for whoever follows a link; `None` for the endpoint.
    pub public_endpoint: Option<String>,
    /// What the server was told that it is, `us-east-1` for most that are not Amazon's.
    pub region: String,
    /// There already; it is not made.
    pub bucket: String,
    /// Who we are.
    pub credentials: S3Credentials,
    /// Where the bucket's name goes in a URL.
    pub addressing: Addressing,
    /// How the server is to encrypt what it keeps.
    pub encryption: Encryption,
    /// How long it may take to get a connection.
    pub connect_timeout: Duration,
    /// How long one try may take until the answer begins; a part of an upload (8 MiB) goes up within it.
    pub attempt_timeout: Duration,
    /// How often a request is sent at most, the first time included, with growing pauses between.
    pub attempts: u32,
}

/// A pair of keys.
#[derive(Clone, Debug)]
pub struct S3Credentials {
    /// The one that is sent.
    pub access_key_id: String,
    /// The one that signs.
    pub secret_access_key: SecretString,
    /// Goes with keys that were lent for a while.
    pub session_token: Option<SecretString>,
}

/// Where the bucket's name goes in a URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Addressing {
    /// First in the path, which every server takes.
    Path,
    /// First in the host name, which Amazon prefers.
    VirtualHost,
}

/// How the server is to encrypt what it keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// As the bucket says.
    OfBucket,
    /// With keys of the server (AES256).
    OfServer,
    /// With a key of its key service; `None` for the one that it has for this (aws:kms).
    OfKeyService(Option<String>),
}

impl S3Config {
    /// With what is usual, for a server at an endpoint.
    pub fn new(endpoint: Option<String>, bucket: String, credentials: S3Credentials) -> Self {
        Self {
            addressing: match endpoint {
                Some(_) => Addressing::Path,
                None => Addressing::VirtualHost,
            },
            endpoint,
            public_endpoint: None,
            region: "us-east-1".to_owned(),
            bucket,
            credentials,
            encryption: Encryption::OfBucket,
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(60),
            attempts: 4,
        }
    }

    /// How the bucket is called in sentences.
    pub(super) fn shown(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("bucket {} at {endpoint}", self.bucket),
            None => format!("bucket {} in {}", self.bucket, self.region),
        }
    }

    pub(super) fn check(&self) -> Result<(), ObjectError> {
        for endpoint in [&self.endpoint, &self.public_endpoint]
            .into_iter()
            .flatten()
        {
            let is_plain = |url: &Url| {
                let is_http = ["http", "https"].contains(&url.scheme());
                let is_open = url.username().is_empty() && url.password().is_none();
                is_http && is_open && url.query().is_none() && url.fragment().is_none()
            };
            if !Url::parse(endpoint).is_ok_and(|url| is_plain(&url)) {
                // Whoever put keys into it would find them in the log.
                return Err(ObjectError::Invalid(
                    "the endpoint of S3 takes a URL with http or https, without a name, a password or a query".to_owned(),
                ));
            }
        }
        let is_name = |text: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            (1..=255).contains(&text.len()) && text.bytes().all(known)
        };
        for (what, text) in [("bucket", &self.bucket), ("region", &self.region)] {
            if !is_name(text) {
                return Err(ObjectError::Invalid(format!(
                    "{text:?} cannot be the name of a {what} of S3"
                )));
            }
        }
        let S3Credentials {
            access_key_id,
            secret_access_key,
            ..
        } = &self.credentials;
        if access_key_id.is_empty() || secret_access_key.expose_secret().is_empty() {
            return Err(ObjectError::Invalid(
                "S3 needs both an access key and its secret".to_owned(),
            ));
        }
        if self.attempts == 0 || self.attempt_timeout.is_zero() || self.connect_timeout.is_zero() {
            return Err(ObjectError::Invalid(
                "S3 needs at least one attempt, and time for it".to_owned(),
            ));
        }
        Ok(())
    }

    /// What the SDK is told.
    pub(super) fn sdk(&self) -> aws_sdk_s3::config::Builder {
        let S3Credentials {
            access_key_id,
            secret_access_key,
            session_token,
        } = &self.credentials;
        let credentials = Credentials::new(
            access_key_id,
            secret_access_key.expose_secret(),
            session_token.as_ref().map(|t| t.expose_secret().to_owned()),
            None,
            "settings",
        );
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.connect_timeout)
            .operation_attempt_timeout(self.attempt_timeout);
        let http = Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring));
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http.build_https())
            .region(Region::new(self.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(self.addressing == Addressing::Path)
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::standard().with_max_attempts(self.attempts))
            // Many servers that are not Amazon's do not know these checksums. What we send is in memory, so its signature has a hash of it.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        match &self.endpoint {
            Some(endpoint) => config.endpoint_url(slashed(endpoint)),
            None => config,
        }
    }
}

/// As the SDK wants an endpoint: to a path without a slash at its end it would glue the bucket.
pub(super) fn slashed(endpoint: &str) -> String {
    format!("{}/", endpoint.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> S3Config {
        S3Config::new(
            Some("http://127.0.0.1:9000".to_owned()),
            "boards".to_owned(),
            S3Credentials {
                access_key_id: "id".to_owned(),
                secret_access_key: "hidden".into(),
                session_token: Some("hidden".into()),
            },
        )
    }

    #[test]
    fn what_cannot_work_is_refused() {
        config().check().unwrap();
        let bad: [fn(&mut S3Config); 8] = [
            |config| config.endpoint = Some("127.0.0.1:9000".to_owned()),
            |config| config.endpoint = Some("http://id:hidden@127.0.0.1:9000".to_owned()),
            |config| config.public_endpoint = Some("ftp://x".to_owned()),
            |config| config.bucket = "a/b".to_owned(),
            |config| config.bucket = String::new(),
            |config| config.region = String::new(),
            |config| config.credentials.secret_access_key = "".into(),
            |config| config.attempts = 0,
        ];
        for spoil in bad {
            let mut config = config();
            spoil(&mut config);
            let error = config.check().unwrap_err();
            assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
            assert!(!error.to_string().contains("hidden"), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", config());
        assert!(
            shown.contains("boards") && !shown.contains("hidden"),
            "{shown}"
        );
    }
}
