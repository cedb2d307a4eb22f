//! What happens to a session, in the words of those who count it or take leave of the client.

use scrible_wire::{Malformed, Message, Messages};
use tokio_tungstenite::tungstenite;

use super::Leave;
use crate::room::{End, Offered, Refused};
use crate::socket::TooSlow;
use crate::telemetry::{Received, Sent, Verdict};

pub fn broken(error: tungstenite::Error) -> Leave {
    use tungstenite::Error;
    use tungstenite::error::{CapacityError, ProtocolError};
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Leave::Left,
        Error::Capacity(CapacityError::MessageTooLong { size, .. }) => Leave::TooLarge(size),
        Error::Io(error) if TooSlow::is(&error) => Leave::Slow,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::Io(_) => Leave::Gone,
        error => Leave::WebSocket(error.to_string()),
    }
}

pub fn received(message: &Message<'_>) -> Received {
    match message {
        Message::SyncStep1(_) => Received::Step1,
        Message::SyncStep2(_) => Received::Step2,
        Message::Update(_) => Received::Update,
        Message::Awareness(_) => Received::Awareness,
        Message::QueryAwareness => Received::Query,
        Message::Auth(_) | Message::Unknown(_) => Received::Other,
    }
}

/// A frame holds one message, and its head says which.
pub fn sent(frame: &[u8]) -> Sent {
    match Messages::new(frame).next() {
        Some(Ok(Message::SyncStep1(_))) => Sent::Step1,
        Some(Ok(Message::SyncStep2(_))) => Sent::Step2,
        Some(Ok(Message::Update(_))) => Sent::Update,
        Some(Ok(Message::Awareness(_))) => Sent::Awareness,
        _ => Sent::Denied,
    }
}

pub fn verdict(offered: &Result<Offered, Refused>) -> Verdict {
    match offered {
        Ok(offered) => match (offered.appended, offered.missing.is_some()) {
            (true, false) => Verdict::New,
            (true, true) => Verdict::PartlyEarly,
            (false, false) => Verdict::Known,
            (false, true) => Verdict::Early,
        },
        Err(Refused::Malformed(_)) => Verdict::Malformed,
        Err(Refused::Backlog) => Verdict::Backlog,
        Err(Refused::Full(_)) => Verdict::Full,
        Err(Refused::Conflict { .. }) => Verdict::Conflict,
        Err(Refused::Ended(_) | Refused::Behind) => Verdict::Ended,
    }
}

pub fn protocol(error: Malformed) -> Leave {
    Leave::Protocol(error.to_string())
}

pub fn unanswerable(error: Malformed) -> Leave {
    Leave::RoomFailed(format!("its content could not be merged: {error}"))
}

pub fn refused(refused: Refused) -> Leave {
    match refused {
        Refused::Malformed(error) => Leave::InvalidUpdate(error.to_string()),
        Refused::Backlog => Leave::Backlog,
        Refused::Full(full) => Leave::RoomFull(full),
        Refused::Conflict { .. } => Leave::Conflict,
        Refused::Behind => Leave::Behind,
        Refused::Ended(End::Failed | End::Unloaded) => {
            Leave::RoomFailed("it must be loaded anew".into())
        }
    }
}
