//! Connections: accepted, upgraded to WebSocket with small buffers and explicit limits, served, and closed with a reason.
//!
//! Knows nothing of updates: it asks the gate, opens the room, runs a [`Session`], and hands its [`Leave`] to `closing`, the only place that knows
//! close codes.

mod accept;
mod body;
mod closing;
mod counted;
mod frames;
mod incoming;
mod listen;
mod outgoing;
mod places;
mod sockets;
mod upgrade;
mod visitor;

use std::net::IpAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use hyper::header::HeaderMap;
use scrible_wire::message;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::access::{Admission, Denied, Gate, Identity, Knock, OwnSecrets};
use crate::room::{Membership, Registry, RoomName};
use crate::session::{Leave, Session, SessionConfig, Standing};
use crate::telemetry::{ConnectionMetrics, Ended, LimitMet};
pub use accept::{Patience, accept, accept_plain};
use closing::{Farewell, Holds};
pub use incoming::TooSlow;
pub use listen::{listen, raise_open_files};
pub use places::PlacesConfig;
use places::{Places, PlainPlace};
pub use sockets::{Socket, Sockets, SocketsConfig};
pub use visitor::{TrustedProxies, Visitor};

/// How long a gate may take to let somebody in.
const ADMISSION: Duration = Duration::from_secs(10);

/// How a connection ended, and the farewell, if anybody is left to hear it.
type End = (Ended, Option<Farewell>);

/// What every connection needs. Built once by the server.
pub struct Connections {
    /// The rooms of this node.
    pub rooms: Arc<Registry>,
    /// Who may enter.
    pub gate: Arc<dyn Gate>,
    /// Timers.
    pub session: SessionConfig,
    /// How WebSockets are made.
    pub sockets: Sockets,
    /// Cancelled when newcomers should go elsewhere. Those who come nevertheless are taken.
    pub drain: CancellationToken,
    /// Cancelled when no new socket is taken any more.
    pub refuse: CancellationToken,
    /// Cancelled when sessions are to end.
    pub stop: CancellationToken,
    /// Sessions under way.
    pub sessions: TaskTracker,
    /// Whose word on addresses is taken.
    proxies: TrustedProxies,
    /// Told once.
    unknown_proxy: Once,
    places: Arc<Places>,
    patience: Patience,
    holds: Holds,
}

/// Settings of connections.
#[derive(Debug, Clone)]
pub struct ConnectionsConfig {
    /// Timers.
    pub session: SessionConfig,
    /// How much they take.
    pub sockets: SocketsConfig,
    /// Whose word on addresses is taken.
    pub trusted_proxies: TrustedProxies,
    /// How many there may be.
    pub places: PlacesConfig,
    /// How long one may take that is no WebSocket.
    pub patience: Patience,
}

impl Connections {
    /// Connections of a server that has just started.
    pub fn new(
        rooms: Arc<Registry>,
        gate: Arc<dyn Gate>,
        config: ConnectionsConfig,
        stop: CancellationToken,
    ) -> Self {
        Self {
            drain: CancellationToken::new(),
            sockets: Sockets::new(config.sockets, &rooms.shared().metrics),
            rooms,
            gate,
            session: config.session,
            refuse: CancellationToken::new(),
            stop,
            sessions: TaskTracker::new(),
            proxies: config.trusted_proxies,
            unknown_proxy: Once::new(),
            places: Places::new(config.places),
            patience: config.patience,
            holds: Holds::default(),
        }
    }

    /// Who sends a request over a connection from `peer`.
    fn visitor(&self, peer: IpAddr, headers: &HeaderMap) -> Visitor {
        let visitor = self.proxies.visitor(peer, headers);
        if !visitor.is_direct() && !self.proxies.has(peer.to_canonical()) {
            self.unknown_proxy.call_once(|| {
                tracing::warn!(
                    %peer,
                    "requests come through a proxy that SCRIBLE_TRUSTED_PROXIES does not name: all its visitors count as one address"
                );
            });
        }
        visitor
    }

    /// Where what happens to connections is counted.
    pub fn metrics(&self) -> &ConnectionMetrics {
        &self.rooms.shared().metrics.connections
    }

    /// A place for a connection that has just been accepted. Behind a proxy's address are many; they are counted once they have said who they are.
    fn admit_plain(&self, peer: IpAddr) -> Result<PlainPlace, LimitMet> {
        let exempt = peer.to_canonical().is_loopback() || self.proxies.has(peer.to_canonical());
        let place = self.places.take_plain((!exempt).then_some(peer));
        place.inspect_err(|limit| self.rooms.shared().metrics.limits.count(*limit))
    }

    /// Connections that are no WebSocket, or not yet.
    pub fn plain(&self) -> usize {
        self.places.plain()
    }

    /// Sockets that are held mute before they are closed.
    pub fn held(&self) -> usize {
        self.holds.held()
    }

    /// Serves an upgraded connection to its end. The task of an idle connection is little more than its session: what is large and moved is boxed, and so is
    /// what comes after the session.
    async fn serve(self: Arc<Self>, mut socket: Box<Socket>, room: RoomName, knock: Knock) {
        let session = self.rooms.shared().next_session();
        // At debug level everything that is logged of a session names it and its room; at others the span costs nothing.
        let span = tracing::debug_span!("session", session, ?room);
        let peer = knock.peer;
        let stayed = self
            .stay(&mut socket, &room, session, knock)
            .instrument(span);
        let (ended, farewell) = stayed.await.unwrap_or_else(|turned_away| turned_away);
        self.metrics().closed.count(ended);
        match farewell {
            Some(farewell) => {
                let closing = self.holds.close(*socket, &farewell, peer, &self.stop);
                Box::pin(closing).await;
            }
            None => Box::pin(closing::part(*socket)).await,
        }
    }

    /// One session, from being let in to its end. Says how it ended, and how to take leave of the client, if anybody is left to hear it.
    async fn stay(
        &self,
        socket: &mut Socket,
        room: &RoomName,
        session: u64,
        knock: Knock,
    ) -> Result<End, End> {
        let peer = knock.peer;
        // Before the question, so that a change after the answer is seen.
        let mark = self.rooms.access_mark(room);
        let admission = self.admit(socket, room, &knock).await?;
        let own_secrets = OwnSecrets::of(&knock.credentials, &admission.basis);
        drop(knock);
        let membership = self
            .open(socket, room, session, admission.identity.clone())
            .await?;
        let standing = Standing::new(self.gate.clone(), admission, &membership, peer);
        let mut standing = standing.keeping(own_secrets);
        if mark != Some(membership.access_mark()) {
            standing = standing.outdated();
        }
        tracing::debug!("session began");
        let stop = self.stop.clone();
        let leave = Session::new(socket, membership, standing, self.session, stop).await;
        tracing::debug!(?leave, "session ended");
        Ok((closing::counted(&leave), Farewell::after(&leave)))
    }

    /// Asks the gate.
    async fn admit(
        &self,
        socket: &mut Socket,
        room: &RoomName,
        knock: &Knock,
    ) -> Result<Admission, End> {
        let asking = timeout(ADMISSION, self.gate.admit(room, knock));
        let admitted = self.meanwhile(socket, asking).await?;
        admitted
            .unwrap_or(Err(Denied::Undecided))
            .map_err(|denied| {
                (
                    Farewell::denied_as(&denied),
                    Some(Farewell::denied(&denied)),
                )
            })
    }

    /// Takes a seat in the room, once that is open.
    async fn open(
        &self,
        socket: &mut Socket,
        room: &RoomName,
        session: u64,
        identity: Identity,
    ) -> Result<Membership, End> {
        let entering = self.rooms.enter(room, session, identity);
        let entered = self.meanwhile(socket, entering).await?;
        entered.map_err(|error| (Ended::Room, Some(Farewell::refused(&error))))
    }

    /// Waits for what comes before a session. Until then nothing is read from the socket, so what the client sends waits in the kernel's buffer; the
    /// client in turn is kept from giving up.
    async fn meanwhile<T>(
        &self,
        socket: &mut Socket,
        waiting: impl Future<Output = T>,
    ) -> Result<T, End> {
        let mut waiting = std::pin::pin!(waiting);
        loop {
            tokio::select! {
                done = &mut waiting => return Ok(done),
                () = self.stop.cancelled() => return Err((Ended::Shutdown, Farewell::after(&Leave::Shutdown))),
                () = tokio::time::sleep(self.session.keepalive) => {
                    let keepalive = Frame::Binary(Bytes::from_static(message::KEEPALIVE));
                    socket.send(keepalive).await.map_err(|_| (Ended::Gone, None))?;
                }
            }
        }
    }
}
