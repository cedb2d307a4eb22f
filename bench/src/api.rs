//! A server's API over HTTP, as programs use it: JSON in, JSON out.
//!
//! Knows no paths. The one rule: one connection, one question at a time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// One connection to an API.
pub struct Api {
    host: String,
    sender: SendRequest<Full<Bytes>>,
}

impl Api {
    /// Connects to where a server's `ws://` address is.
    pub async fn open(url: &str) -> Result<Self> {
        let host = url.strip_prefix("ws://").context("ws://")?.to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender.
        tokio::spawn(connection);
        Ok(Self { host, sender })
    }

    /// Asks for something, where there is a `wait` until it is done, and gives the answer; anything but a success is an error.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        wait: Duration,
        body: Option<&Value>,
    ) -> Result<Value> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", &self.host);
        if !wait.is_zero() {
            request = request.header("Prefer", format!("wait={}", wait.as_secs()));
        }
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        self.sender.ready().await?;
        let request = request.body(Full::from(body))?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body)?)
    }
}
