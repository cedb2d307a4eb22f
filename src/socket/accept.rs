//! The accept loop: each connection is served as HTTP/1.1 until it asks for a WebSocket.
//!
//! An error of one connection never ends the loop; running out of file descriptors makes it pause. A connection for which there is no place is
//! refused at once, so those that say nothing keep nobody out of the loop. hyper's own HTTP/1 server is used and not
//! hyper-util's, which waits without a limit for the first bytes, to tell HTTP/2 from them.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{Quota, RateLimiter};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;
use warp::reply::Response;

use super::body::Timely;
use super::places::{Places, PlainPlace};
use super::{Connections, PlacesConfig, upgrade};
use crate::telemetry::LimitMet;

/// The largest head of a request; a longer one is answered with 431.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// How long answers under way may take once the server stops accepting.
const DRAIN: Duration = Duration::from_secs(5);
/// How many connections are accepted in a second, and at once. So a storm of clients that all come back is let in over seconds, and those who draw
/// do not wait for two thousand handshakes to have had their turn.
const ACCEPTED_PER_SECOND: NonZeroU32 = NonZeroU32::new(1_000).expect("not 0");
const ACCEPTED_AT_ONCE: NonZeroU32 = NonZeroU32::new(100).expect("not 0");
/// Connections to the listener for metrics.
const METRICS_CONNECTIONS: usize = 64;
/// What somebody is told for whom there is no place. Its request has not been read.
const NO_PLACE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Type: text/plain\r\n\
    Content-Length: 47\r\n\r\ntoo many connections wait here, try again later";

/// How long a connection that is no WebSocket may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// To send the head of a request; also how long one may idle between two requests.
    pub head: Duration,
    /// To send the body of a request. For each 32 KiB of it that have come, a second more.
    pub body: Duration,
    /// To take something of what it is sent. For WebSockets as well, but those are given up before.
    pub stalled: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            stalled: Duration::from_secs(60),
        }
    }
}

/// Accepts connections until `stop` is cancelled, then lets plain requests under way end. `rest` answers what is not a
/// WebSocket. Upgraded connections are not waited for: the server tracks the sessions.
pub async fn accept<S>(
    listener: TcpListener,
    connections: Arc<Connections>,
    rest: S,
    stop: CancellationToken,
) where
    S: Service<Request<Timely<Incoming>>, Response = Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let patience = connections.patience;
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
                rest.call(request.map(|body| Timely::new(body, patience.body)))
                    .await
            }
        })
    };
    let admit = |peer: IpAddr| connections.admit_plain(peer);
    run(listener, Loop { admit, answering }, patience, stop).await;
}

/// The same without WebSockets, for a listener of its own.
pub async fn accept_plain<S>(listener: TcpListener, rest: S, stop: CancellationToken)
where
    S: Service<Request<Timely<Incoming>>, Response = Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let patience = Patience::default();
    let answering = |_| {
        let rest = rest.clone();
        service_fn(move |request: Request<Incoming>| {
            let mut rest = rest.clone();
            async move {
                rest.call(request.map(|body| Timely::new(body, patience.body)))
                    .await
            }
        })
    };
    let places = Places::new(PlacesConfig {
        plain: METRICS_CONNECTIONS,
        ..PlacesConfig::default()
    });
    let admit = |_| places.take_plain(None);
    run(listener, Loop { admit, answering }, patience, stop).await;
}

/// What an accept loop asks about each connection.
struct Loop<A, F> {
    /// Whether there is a place for it.
    admit: A,
    /// Who answers it.
    answering: F,
}

async fn run<A, F, H>(
    listener: TcpListener,
    Loop { admit, answering }: Loop<A, F>,
    patience: Patience,
    stop: CancellationToken,
) where
    A: Fn(IpAddr) -> Result<PlainPlace, LimitMet>,
    F: Fn(SocketAddr) -> H,
    H: HttpService<Request<Incoming>, Response = Response, Error = Infallible> + Send + 'static,
    H::Future: Send,
{
    let serving = TaskTracker::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(MAX_HEAD_BYTES);
    let pace =
        RateLimiter::direct(Quota::per_second(ACCEPTED_PER_SECOND).allow_burst(ACCEPTED_AT_ONCE));
    loop {
        if let Err(early) = pace.check() {
            // The kernel holds those who wait; see `listen`.
            let wait = early.wait_time_from(DefaultClock::default().now());
            tokio::time::sleep(wait).await;
        }
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
        let place = match admit(peer.ip()) {
            Ok(place) => place,
            Err(limit) => {
                tracing::debug!(%peer, ?limit, "no place for a connection");
                // Into an empty buffer, so nothing is waited for.
                stream.try_write(NO_PLACE).ok();
                continue;
            }
        };
        set_options(&stream, patience);
        let served = http.serve_connection(TokioIo::new(stream), answering(peer));
        let stop = stop.clone();
        serving.spawn(async move {
            let mut served = std::pin::pin!(served.with_upgrades());
            let ended = tokio::select! {
                ended = served.as_mut() => ended,
                () = stop.cancelled() => {
                    served.as_mut().graceful_shutdown();
                    served.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    serving.close();
    if tokio::time::timeout(DRAIN, serving.wait()).await.is_err() {
        tracing::debug!("some requests were still under way");
    }
}

fn set_options(stream: &TcpStream, patience: Patience) {
    // Without it the kernel keeps a cursor back until the last one was acknowledged.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "set TCP_NODELAY");
    }
    // hyper waits for ever for somebody who does not read what it is sent, and the kernel for a quarter of an hour for somebody who has gone.
    let stalled = u32::try_from(patience.stalled.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, stalled) {
        tracing::debug!(%error, "set TCP_USER_TIMEOUT");
    }
}
