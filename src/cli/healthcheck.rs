//! `scrible healthcheck`: asks the server of these settings how it is, for container runtimes and scripts.
//!
//! Knows HTTP and the fields of the answer that matter. The rule: it ends in bounded time with 0 or 1, whatever
//! the other side does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::config::ListenConfig;

/// Longer than the server's own check of its store, so that its reason is heard.
const DEADLINE: Duration = Duration::from_secs(8);
/// The answer is a few hundred bytes; more is something else than our server.
const MAX_ANSWER_BYTES: usize = 64 << 10;

#[derive(Deserialize)]
struct Health {
    status: String,
    /// By name.
    #[serde(default)]
    parts: BTreeMap<String, Part>,
}

#[derive(Deserialize)]
struct Part {
    /// Why it is not well.
    reason: Option<String>,
}

/// 0 when the status is ok, else 1 with the reason on standard error.
pub async fn run(listen: &ListenConfig) -> ExitCode {
    match check(listen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scrible: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn check(listen: &ListenConfig) -> anyhow::Result<()> {
    let address = address(listen);
    let asking = tokio::time::timeout(DEADLINE, ask(&address));
    let answer = asking
        .await
        .unwrap_or_else(|_| bail!("no answer within {} seconds", DEADLINE.as_secs()));
    let health = answer.with_context(|| format!("ask http://{address}/health"))?;
    let reasons: String = health
        .parts
        .iter()
        .filter_map(|(name, part)| Some(format!("; {name}: {}", part.reason.as_ref()?)))
        .collect();
    ensure!(
        health.status == "ok",
        "http://{address}/health says {}{reasons}",
        health.status
    );
    Ok(())
}

/// Where the server of these settings is reached from this machine.
pub(super) fn address(listen: &ListenConfig) -> String {
    let host = reachable(&listen.host);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => format!("[{host}]:{}", listen.port),
        _ => format!("{host}:{}", listen.port),
    }
}

async fn ask(address: &str) -> anyhow::Result<Health> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = hyper::Request::get("/health")
        .header(HOST, address)
        .body(Empty::<Bytes>::new())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        // A server that cannot store says so with 503, in the same words.
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        serde_json::from_slice(&body)
            .with_context(|| format!("read an answer with status {status}"))
    };
    // The connection has to be driven while its answer is read, and needs no task of its own for that.
    tokio::pin!(exchange, connection);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = &mut connection => {
            ended?;
            exchange.await
        }
    }
}

/// Where a server that listens on all addresses can be reached from this machine.
fn reachable(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that gives one answer, whatever it is asked, and hands back the question.
    async fn answering(answer: String) -> (ListenConfig, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = vec![0; 4096];
            let n = stream.read(&mut question).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(question[..n].to_vec()).unwrap()
        });
        let host = "0.0.0.0".to_owned();
        (ListenConfig { host, port }, served)
    }

    fn http(status: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[tokio::test]
    async fn ok_is_ok() {
        let (listen, served) =
            answering(http("200 OK", r#"{"status":"ok","version":"1","rooms":0}"#)).await;
        check(&listen).await.unwrap();
        let question = served.await.unwrap();
        assert!(
            question.starts_with("GET /health HTTP/1.1\r\n"),
            "{question}"
        );
        assert!(
            question.contains(&format!("host: 127.0.0.1:{}", listen.port)),
            "{question}"
        );
    }

    #[tokio::test]
    async fn anything_else_fails_with_the_reason() {
        let degraded = r#"{"status":"degraded","parts":{"store":{"state":"trouble","reason":"disk full"},"journal":{"state":"ok"}}}"#;
        for (answer, reason) in [
            (
                http("503 Service Unavailable", degraded),
                "says degraded; store: disk full",
            ),
            (
                http("503 Service Unavailable", r#"{"status":"stopping"}"#),
                "says stopping",
            ),
            (http("404 Not Found", "not here"), "status 404"),
            (http("200 OK", "{}"), "status 200"),
            (
                http("200 OK", &"x".repeat(MAX_ANSWER_BYTES + 1)),
                "length limit",
            ),
            ("SSH-2.0-OpenSSH\r\n".to_owned(), "/health: "),
            (String::new(), "/health: "),
        ] {
            let (listen, _served) = answering(answer.clone()).await;
            let error = format!("{:#}", check(&listen).await.unwrap_err());
            assert!(error.contains(reason), "{answer:?}: {error}");
            assert!(
                error.contains(&format!("127.0.0.1:{}", listen.port)),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn nobody_there_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let listen = ListenConfig {
            host: "127.0.0.1".to_owned(),
            port,
        };
        let error = format!("{:#}", check(&listen).await.unwrap_err());
        assert!(error.contains("refused"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_not_waited_for_without_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = ListenConfig {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
        };
        let error = format!("{:#}", check(&listen).await.unwrap_err());
        assert!(error.contains("no answer within 8 seconds"), "{error}");
    }

    #[test]
    fn all_addresses_are_reached_by_loopback() {
        for (host, reached) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "::1"),
            ("::1", "::1"),
            ("10.1.2.3", "10.1.2.3"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(reachable(host), reached);
        }
    }
}
