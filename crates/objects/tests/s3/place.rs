//! A bucket as a place for the contract, and what the cases have in common.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use scrible_objects::contract::{Fetched, Place};
use scrible_objects::{
    Body, ContentType, Disposition, Key, NewObject, Objects, S3Config, S3Credentials, S3Objects,
};
use tokio::net::TcpStream;

use crate::server::{ACCESS_KEY, BUCKET, SECRET_KEY, Server};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of its own, and the way to it.
pub struct Bucket {
    pub server: Server,
    pub objects: Arc<S3Objects>,
}

impl Bucket {
    pub async fn new() -> Self {
        let server = Server::start().await;
        let objects = open(config(format!("http://{}", server.address)));
        Self { server, objects }
    }
}

#[async_trait]
impl Place for Bucket {
    fn objects(&self) -> Arc<dyn Objects> {
        self.objects.clone()
    }

    async fn fetch(&self, url: &str) -> Option<Fetched> {
        fetch(url).await
    }
}

/// For a server at an endpoint that is either quick or not there.
pub fn config(endpoint: String) -> S3Config {
    let credentials = S3Credentials {
        access_key_id: ACCESS_KEY.to_owned(),
        secret_access_key: SECRET_KEY.into(),
        session_token: None,
    };
    S3Config {
        attempts: 2,
        ..S3Config::new(Some(endpoint), BUCKET.to_owned(), credentials)
    }
}

pub fn open(config: S3Config) -> Arc<S3Objects> {
    Arc::new(S3Objects::new(config).unwrap())
}

pub fn key(text: &str) -> Key {
    text.parse().unwrap()
}

pub fn object(bytes: impl Into<Bytes>) -> NewObject {
    NewObject {
        body: Body::Bytes(bytes.into()),
        content_type: ContentType::try_from("text/plain").unwrap(),
        disposition: Disposition::inline("a.txt"),
    }
}

/// Larger than what is sent without parts.
pub fn large() -> NewObject {
    object(vec![b'x'; 9 * 1024 * 1024])
}

/// Gets what a URL gives to somebody who knows nothing of S3.
pub async fn fetch(url: &str) -> Option<Fetched> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let socket = TcpStream::connect(host).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.ok()?;
    tokio::spawn(connection);
    let request = Request::get(format!("/{path}")).header(HOST, host);
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let header = |name| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    Some(Fetched {
        content_type: header(CONTENT_TYPE)?,
        disposition: header(CONTENT_DISPOSITION)?,
        bytes: response.into_body().collect().await.ok()?.to_bytes(),
    })
}

/// Asks again until it is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    assert!(asked.is_ok(), "in vain: {what}");
}
