//! The accept loop: each connection is served as HTTP/1.1 until it asks for a WebSocket.
//!
//! An error of one connection never ends the loop; running out of file descriptors makes it pause.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service as HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use warp::reply::Response;

use super::{Connections, upgrade};

/// How long a client may take to send its request headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long answers under way may take once the server stops accepting.
const DRAIN: Duration = Duration::from_secs(5);

/// Accepts connections until `stop` is cancelled, then lets plain requests under way end. `rest` answers what is not a
/// WebSocket. Upgraded connections are not waited for: the server tracks the sessions.
pub async fn accept<S>(
    listener: TcpListener,
    connections: Arc<Connections>,
    rest: S,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let answering = |peer: SocketAddr| {
        let (connections, rest) = (connections.clone(), rest.clone());
        service_fn(move |mut request: Request<Incoming>| {
            let (connections, mut rest) = (connections.clone(), rest.clone());
            async move {
                let visitor = connections.visitor(peer.ip(), request.headers());
                if upgrade::is_upgrade(&request) {
                    return Ok(upgrade::upgrade(&connections, &mut request, visitor));
                }
                request.extensions_mut().insert(visitor);
                rest.call(request).await
            }
        })
    };
    run(listener, answering, stop).await;
}

/// The same without WebSockets, for a listener of its own.
pub async fn accept_plain<S>(listener: TcpListener, rest: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let answering = |_| {
        let rest = rest.clone();
        service_fn(move |request: Request<Incoming>| {
            let mut rest = rest.clone();
            async move { rest.call(request).await }
        })
    };
    run(listener, answering, stop).await;
}

async fn run<H>(listener: TcpListener, answering: impl Fn(SocketAddr) -> H, stop: CancellationToken)
where
    H: HttpService<Request<Incoming>, Response = Response, Error = Infallible> + Send + 'static,
    H::Future: Send,
{
    let graceful = GracefulShutdown::new();
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(16 << 10);
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        // Without it the kernel keeps a cursor back until the last one was acknowledged.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "set TCP_NODELAY");
        }
        let serving = http
            .serve_connection_with_upgrades(TokioIo::new(stream), answering(peer))
            .into_owned();
        let watched = graceful.watch(serving);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%peer, %error, "connection broke");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::debug!("some requests were still under way");
    }
}
