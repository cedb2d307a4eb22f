//! How a connection ends: the close code, the reason, and the pause before it.
//!
//! y-websocket 3.1 stops for 4400-4499 and comes back for everything else. Older clients come back whatever the code, ten times
//! a second, because they reset their back-off as soon as a socket opens. So a client that is sent away is first held mute for a
//! few seconds, longer when its address keeps coming. The number of sockets held is bounded; above the bound new sockets
//! from such addresses are refused before the upgrade, which every client backs off from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::SinkExt;
use parking_lot::Mutex;
use scrible_wire::message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;

use super::Socket;
use super::places::group;
use crate::access::Denied;
use crate::room::{Full, OpenError};
use crate::session::Leave;
use crate::telemetry::Ended;

/// Sockets held at once, about 10 KB each.
const MAX_HELD: usize = 1_000;
/// Addresses remembered.
const MAX_ADDRESSES: usize = 10_000;
/// The first hold of an address; each further one within [`FORGIVEN_AFTER`] is a second longer, up to [`LONGEST_HOLD`].
const FIRST_HOLD: Duration = Duration::from_secs(2);
const LONGEST_HOLD: Duration = Duration::from_secs(5);
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);
/// How long the other end may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// A close frame holds at most 123 bytes of reason.
const MAX_REASON_BYTES: usize = 123;

/// What a client is told at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    code: u16,
    reason: String,
    /// Whether the client would come back at once with the same.
    hold: bool,
}

impl Farewell {
    /// What to tell a client whose session ended; `None` when nobody listens any more.
    pub fn after(leave: &Leave) -> Option<Self> {
        let (code, hold, reason) = match leave {
            Leave::Gone | Leave::Left => return None,
            Leave::WebSocket(what) => (1002, true, what.clone()),
            Leave::Shutdown => (1012, false, "the server restarts".into()),
            Leave::Behind => (1013, false, "fell too far behind, sync again".into()),
            Leave::Backlog => (
                1013,
                true,
                "changes cannot be stored at the moment, try again later".into(),
            ),
            Leave::Protocol(what) => (4400, true, format!("protocol error: {what}")),
            Leave::TooLarge(size) => (
                4413,
                true,
                format!("a message of {size} bytes is above the limit"),
            ),
            Leave::InvalidUpdate(what) => (4422, true, format!("invalid update: {what}")),
            Leave::SecretTold => (
                4422,
                true,
                "your own link or token is in what you sent: name parts of the document after something else, see docs/access.md".into(),
            ),
            Leave::RoomFull(Full::Bytes) => (
                4413,
                true,
                "the room is full: delete something, or ask for a larger one".into(),
            ),
            Leave::RoomFull(Full::Clients) => (
                4413,
                true,
                "too many clients have written to the room: its operator can allow more".into(),
            ),
            Leave::Conflict => (
                4509,
                false,
                "somebody else writes under your client id: reload the page if something of yours is missing for others".into(),
            ),
            Leave::RoomFailed(what) => (4500, true, format!("the room cannot go on: {what}")),
            Leave::Denied(denied) => return Some(Self::denied(denied)),
            Leave::Expired => (
                4501,
                false,
                "the token has expired, come back with a new one".into(),
            ),
            Leave::RoleChanged => (4502, false, "your role has changed, come back".into()),
            Leave::Silent => (4508, true, "no sync step 1 came".into()),
            Leave::Slow => (
                4508,
                true,
                "a large message came too slowly while others waited, try again later".into(),
            ),
        };
        Some(Self { code, reason, hold })
    }

    /// What to tell a client whose room could not be opened: it may try again later. The cause is for the log alone.
    pub fn refused(error: &OpenError) -> Self {
        let reason = match error {
            OpenError::Unavailable(_) => "the room cannot be loaded at the moment, try again later",
            OpenError::Corrupt(_) | OpenError::Snapshot(_) => {
                "the room is damaged in storage; its operator has been told"
            }
            OpenError::SetAside(sentence) => sentence,
        };
        Self {
            code: 4500,
            reason: reason.into(),
            hold: true,
        }
    }

    /// What to tell somebody who may not come in.
    pub fn denied(denied: &Denied) -> Self {
        let code = match denied {
            Denied::NoCredentials | Denied::BadToken(_) | Denied::DeadGrant(_) => 4401,
            Denied::Forbidden | Denied::Blocked | Denied::ForeignPage => 4403,
            Denied::Deleted => 4404,
            // y-websocket would never come back after any 44xx.
            Denied::TooMany => 1013,
            Denied::Undecided => 4500,
        };
        Self {
            code,
            reason: denied.to_string(),
            hold: true,
        }
    }

    /// How such an end is counted.
    pub fn denied_as(denied: &Denied) -> Ended {
        match denied {
            Denied::NoCredentials | Denied::BadToken(_) | Denied::DeadGrant(_) => {
                Ended::Unauthorized
            }
            Denied::Forbidden | Denied::Blocked | Denied::ForeignPage => Ended::Forbidden,
            Denied::Deleted => Ended::Deleted,
            Denied::TooMany => Ended::TryAgain,
            Denied::Undecided => Ended::Room,
        }
    }

    fn frame(&self) -> CloseFrame {
        let mut end = self.reason.len().min(MAX_REASON_BYTES);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        CloseFrame {
            code: CloseCode::from(self.code),
            reason: self.reason[..end].into(),
        }
    }
}

/// How the end of a session is counted.
pub fn counted(leave: &Leave) -> Ended {
    match leave {
        Leave::Left => Ended::Left,
        Leave::Gone => Ended::Gone,
        Leave::WebSocket(_) => Ended::WebSocket,
        Leave::Shutdown => Ended::Shutdown,
        Leave::Behind | Leave::Backlog => Ended::TryAgain,
        Leave::Protocol(_) => Ended::Protocol,
        Leave::TooLarge(_) | Leave::RoomFull(_) => Ended::TooLarge,
        Leave::Conflict => Ended::Conflict,
        Leave::InvalidUpdate(_) | Leave::SecretTold => Ended::InvalidUpdate,
        Leave::RoomFailed(_) => Ended::Room,
        Leave::Denied(denied) => Farewell::denied_as(denied),
        Leave::Expired => Ended::Expired,
        Leave::RoleChanged => Ended::RoleChanged,
        Leave::Silent | Leave::Slow => Ended::Silent,
    }
}

/// The sockets that are held before they are closed.
#[derive(Debug, Default)]
pub struct Holds {
    held: AtomicUsize,
    /// How often an address was held lately, and when last.
    addresses: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Holds {
    /// Whether a new socket of an address is refused before its upgrade: all places are taken, and it has been sent away lately.
    pub fn refuses(&self, peer: IpAddr) -> bool {
        self.held.load(Ordering::Relaxed) >= MAX_HELD
            && self
                .addresses
                .lock()
                .get(&group(peer))
                .is_some_and(|(_, last)| last.elapsed() < FORGIVEN_AFTER)
    }

    /// Sockets that are held now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Says farewell, after a pause where one is due, and closes the connection.
    pub async fn close(
        &self,
        mut socket: Socket,
        farewell: &Farewell,
        peer: IpAddr,
        stop: &CancellationToken,
    ) {
        // What comes is looked at no more, whatever it is.
        socket.get_mut().drain();
        if farewell.hold && self.held.fetch_add(1, Ordering::Relaxed) < MAX_HELD {
            // A courtesy that y-websocket prints to its console; the code does the work.
            let denied = Frame::Binary(message::permission_denied(&farewell.reason).into());
            if timeout(CLOSE_TIMEOUT, socket.send(denied))
                .await
                .is_ok_and(|sent| sent.is_ok())
            {
                tokio::select! {
                    () = drain(&mut socket, self.pause(peer)) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        if farewell.hold {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
        // Unread bytes would make the kernel reset the connection and lose the close frame, so they are read until the other
        // end has had its time to answer.
        let closed = timeout(CLOSE_TIMEOUT, socket.close(Some(farewell.frame()))).await;
        if closed.is_ok() {
            drain(&mut socket, CLOSE_TIMEOUT).await;
        }
        // Nothing is left to do about a connection that cannot even be shut down.
        timeout(CLOSE_TIMEOUT, socket.get_mut().shutdown())
            .await
            .ok();
    }

    /// How long the next hold of an address lasts.
    fn pause(&self, peer: IpAddr) -> Duration {
        let now = Instant::now();
        let mut addresses = self.addresses.lock();
        if addresses.len() >= MAX_ADDRESSES {
            addresses.retain(|_, (_, last)| now.duration_since(*last) < FORGIVEN_AFTER);
            if addresses.len() >= MAX_ADDRESSES {
                return FIRST_HOLD;
            }
        }
        let (times, last) = addresses.entry(group(peer)).or_insert((0, now));
        if now.duration_since(*last) >= FORGIVEN_AFTER {
            *times = 0;
        }
        *last = now;
        *times += 1;
        (FIRST_HOLD + Duration::from_secs(u64::from(*times) - 1)).min(LONGEST_HOLD)
    }
}

/// Ends a connection that the client has closed: its close frame is answered at once.
pub async fn part(mut socket: Socket) {
    // The answer was made when the close frame was read; it only has to go out. A client that does not even wait for it is gone.
    timeout(CLOSE_TIMEOUT, async {
        socket.flush().await.ok();
        socket.get_mut().shutdown().await.ok();
    })
    .await
    .ok();
}

/// Reads and throws away what comes, until the connection ends or the time is over.
async fn drain(socket: &mut Socket, time: Duration) {
    // On the heap: this future is a part of every connection's, which lives for hours before it comes to this.
    let mut scratch = vec![0; 4096];
    let until_closed = async {
        while socket
            .get_mut()
            .read(&mut scratch)
            .await
            .is_ok_and(|read| read > 0)
        {}
    };
    timeout(time, until_closed).await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Label;

    #[test]
    fn t2_a_connection_is_counted_under_the_code_that_it_is_closed_with() {
        for leave in [
            Leave::Left,
            Leave::Gone,
            Leave::Protocol(String::new()),
            Leave::WebSocket(String::new()),
            Leave::InvalidUpdate(String::new()),
            Leave::SecretTold,
            Leave::TooLarge(1),
            Leave::Silent,
            Leave::Slow,
            Leave::RoomFailed(String::new()),
            Leave::Backlog,
            Leave::Behind,
            Leave::Shutdown,
            Leave::Expired,
            Leave::RoleChanged,
            Leave::Denied(Denied::NoCredentials),
            Leave::Denied(Denied::BadToken("")),
            Leave::Denied(Denied::DeadGrant("")),
            Leave::Denied(Denied::Forbidden),
            Leave::Denied(Denied::Blocked),
            Leave::Denied(Denied::ForeignPage),
            Leave::Denied(Denied::Deleted),
            Leave::Denied(Denied::TooMany),
            Leave::Denied(Denied::Undecided),
        ] {
            let code = Farewell::after(&leave).map(|farewell| farewell.code.to_string());
            let counted = counted(&leave).value();
            match code {
                Some(code) => assert_eq!(counted, code),
                None => assert!(["left", "gone"].contains(&counted)),
            }
        }
        let refused = Farewell::refused(&OpenError::Unavailable(String::new()));
        assert_eq!(Ended::Room.value(), refused.code.to_string());
    }

    #[test]
    fn c1_a_long_reason_is_cut_at_a_character() {
        let farewell = Farewell {
            code: 4400,
            reason: "ä".repeat(100),
            hold: true,
        };
        assert_eq!(farewell.frame().reason.len(), 122);
    }

    #[tokio::test(start_paused = true)]
    async fn c2_an_address_that_keeps_coming_is_held_longer_and_forgiven_after_a_minute() {
        let holds = Holds::default();
        let peer = IpAddr::from([127, 0, 0, 1]);
        let pauses: Vec<_> = (0..5).map(|_| holds.pause(peer).as_secs()).collect();
        assert_eq!(pauses, [2, 3, 4, 5, 5]);
        tokio::time::advance(FORGIVEN_AFTER).await;
        assert_eq!(holds.pause(peer), FIRST_HOLD);
    }
}
