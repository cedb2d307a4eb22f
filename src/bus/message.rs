//! What nodes say to each other on a bus, as bytes.
//!
//! Knows no transport and no room: which room is meant, the channel says. The one rule: bytes from outside are decoded within
//! what they themselves can hold, and a later version of the program that says more is not understood rather than misunderstood.
//!
//! ```text
//! message = version kind body
//! stored  = 1 stored_as:i64be first_seq:number told       room channel
//! told    = 0 count:number (length:number bytes)*         the updates themselves
//!         | 1 count:number                                only how many
//! shown   = 2 node:u128be states                          room channel; the body of an awareness message
//! alive   = 3 node:u128be                                 channel of the nodes
//! leaving = 4 node:u128be                                 channel of the nodes
//! access  = 5 node:u128be                                 room channel; who may be in the room has changed
//! kick    = 6 node:u128be client:number                   room channel
//! ```
//!
//! A `number` is a variable-length one of lib0, up to 2^53 - 1.

use bytes::Bytes;
use scrible_wire::varint::{MAX_NUMBER, Reader, write_number, write_var_bytes};

use super::{Commit, NodeId, Told};

/// The first byte of every message.
const VERSION: u8 = 1;

const STORED: u8 = 1;
const SHOWN: u8 = 2;
const ALIVE: u8 = 3;
const LEAVING: u8 = 4;
const ACCESS: u8 = 5;
const KICK: u8 = 6;

const WHOLE: u8 = 0;
const COUNT: u8 = 1;

/// What one node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Updates of the room were stored.
    Stored(Commit),
    /// Awareness states changed on a node.
    Shown {
        /// Which.
        node: NodeId,
        /// The body of an awareness message, not looked into.
        states: Bytes,
    },
    /// A node lives.
    Alive(NodeId),
    /// A node is about to end.
    Leaving(NodeId),
    /// Who may be in the room has changed, says a node.
    Access(NodeId),
    /// A client is to be sent out of the room.
    Kick {
        /// Says this node.
        node: NodeId,
        /// Its Yjs client id.
        client: u64,
    },
}

/// Bytes that are no message of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Another version of the program may understand it.
    #[error("version {0} of the bus is not known")]
    Version(u8),
    /// The version is ours, the kind is not.
    #[error("kind {0} of message is not known")]
    Kind(u8),
    /// It ends early, goes on after its end, or has a number that cannot be.
    #[error("malformed message")]
    Malformed,
}

impl From<scrible_wire::Malformed> for BadMessage {
    fn from(_: scrible_wire::Malformed) -> Self {
        Self::Malformed
    }
}

impl Message {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        match self {
            Self::Stored(commit) => {
                out.push(STORED);
                out.extend(commit.stored_as.to_be_bytes());
                write_number(&mut out, commit.first_seq);
                match &commit.updates {
                    Told::Whole(updates) => {
                        out.push(WHOLE);
                        write_number(&mut out, updates.len() as u64);
                        for update in updates {
                            write_var_bytes(&mut out, update);
                        }
                    }
                    Told::Count(count) => {
                        out.push(COUNT);
                        write_number(&mut out, *count);
                    }
                }
            }
            Self::Shown { node, states } => {
                out.push(SHOWN);
                out.extend(node.to_be_bytes());
                out.extend_from_slice(states);
            }
            Self::Alive(node) => {
                out.push(ALIVE);
                out.extend(node.to_be_bytes());
            }
            Self::Leaving(node) => {
                out.push(LEAVING);
                out.extend(node.to_be_bytes());
            }
            Self::Access(node) => {
                out.push(ACCESS);
                out.extend(node.to_be_bytes());
            }
            Self::Kick { node, client } => {
                out.push(KICK);
                out.extend(node.to_be_bytes());
                write_number(&mut out, *client);
            }
        }
        out
    }

    /// From bytes, of which parts are kept without copying.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn decode(bytes: &Bytes) -> Result<Self, BadMessage> {
        let mut reader = Reader::new(bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(BadMessage::Version(version));
        }
        let message = match reader.byte()? {
            STORED => Self::Stored(commit(bytes, &mut reader)?),
            SHOWN => Self::Shown {
                node: node(&mut reader)?,
                states: bytes.slice_ref(reader.rest()),
            },
            ALIVE => Self::Alive(node(&mut reader)?),
            LEAVING => Self::Leaving(node(&mut reader)?),
            ACCESS => Self::Access(node(&mut reader)?),
            KICK => Self::Kick {
                node: node(&mut reader)?,
                client: reader.number()?,
            },
            kind => return Err(BadMessage::Kind(kind)),
        };
        reader.end()?;
        Ok(message)
    }
}

fn node(reader: &mut Reader<'_>) -> Result<NodeId, BadMessage> {
    Ok(NodeId::from_be_bytes(array(reader)?))
}

fn array<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], BadMessage> {
    let taken = reader.take(N)?;
    taken.try_into().map_err(|_| BadMessage::Malformed)
}

fn commit(bytes: &Bytes, reader: &mut Reader<'_>) -> Result<Commit, BadMessage> {
    let stored_as = i64::from_be_bytes(array(reader)?);
    let first_seq = reader.number()?;
    let (count, updates) = match reader.byte()? {
        WHOLE => {
            // Each has a length at least.
            let count = reader.count(1)?;
            let mut updates = Vec::with_capacity(count);
            for _ in 0..count {
                updates.push(bytes.slice_ref(reader.var_bytes()?));
            }
            (count as u64, Told::Whole(updates))
        }
        COUNT => {
            let count = reader.number()?;
            (count, Told::Count(count))
        }
        _ => return Err(BadMessage::Malformed),
    };
    // Rows have numbers from 1, and nobody tells of none.
    if count == 0 || first_seq == 0 || first_seq + count > MAX_NUMBER {
        return Err(BadMessage::Malformed);
    }
    Ok(Commit {
        stored_as,
        first_seq,
        updates,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;

    fn examples() -> Vec<Message> {
        let commit = |first_seq, updates| {
            Message::Stored(Commit {
                stored_as: 42,
                first_seq,
                updates,
            })
        };
        vec![
            commit(1, Told::Whole(vec![Bytes::from_static(b"\x00\x00")])),
            commit(
                300,
                Told::Whole(vec![
                    Bytes::new(),
                    Bytes::from(vec![7; 16_384]),
                    Bytes::from_static(b"x"),
                ]),
            ),
            commit(MAX_NUMBER - 10, Told::Count(10)),
            Message::Shown {
                node: NODE,
                states: Bytes::from_static(b"\x01\x05\x02\x02{}"),
            },
            Message::Alive(NODE),
            Message::Leaving(NodeId::MAX),
            Message::Access(NODE),
            Message::Kick {
                node: NODE,
                client: MAX_NUMBER,
            },
        ]
    }

    fn decoded(bytes: &[u8]) -> Result<Message, BadMessage> {
        Message::decode(&Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn messages_survive_the_round_trip() {
        for message in examples() {
            assert_eq!(decoded(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn updates_are_kept_without_copying() {
        let bytes = Bytes::from(examples()[1].encode());
        let Ok(Message::Stored(commit)) = Message::decode(&bytes) else {
            panic!("no commit")
        };
        let Told::Whole(updates) = commit.updates else {
            panic!("no updates")
        };
        assert!(bytes.as_ptr_range().contains(&updates[1].as_ptr()));
    }

    #[test]
    fn n21_other_versions_and_kinds_are_refused() {
        assert_eq!(decoded(&[]), Err(BadMessage::Malformed));
        assert_eq!(decoded(&[2, 3]), Err(BadMessage::Version(2)));
        assert_eq!(decoded(&[1, 9]), Err(BadMessage::Kind(9)));
        assert_eq!(decoded(&[1]), Err(BadMessage::Malformed));
    }

    #[test]
    fn n21_numbers_that_cannot_be_are_refused() {
        let stored = |rest: &[u8]| {
            let mut bytes = vec![1, 1];
            bytes.extend(42_i64.to_be_bytes());
            bytes.extend(rest);
            decoded(&bytes)
        };
        assert!(stored(&[1, 0, 1, 0]).is_ok());
        // No updates, number 0, more updates than bytes, 2^28 of them in a few bytes, a length beyond the end, a third way of telling.
        for rest in [
            &[1, 0, 0][..],
            &[1, 1, 0],
            &[0, 0, 1, 0],
            &[1, 0, 2, 0],
            &[1, 0, 0x80, 0x80, 0x80, 0x80, 0x01],
            &[1, 0, 1, 9, 0],
            &[1, 2, 1],
            // 2^53 - 1 is the last number.
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1],
        ] {
            assert_eq!(stored(rest), Err(BadMessage::Malformed), "{rest:?}");
        }
    }

    #[test]
    fn n21_mutants_neither_panic_nor_come_out_larger_than_they_are() {
        let mut random = 20_261_121_u64;
        let mut next = move |below: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        let originals: Vec<Vec<u8>> = examples().iter().map(Message::encode).collect();
        let mut taken = 0;
        for _ in 0..200_000 {
            let mut bytes = originals[next(originals.len())].clone();
            bytes.truncate(64.min(bytes.len()));
            for _ in 0..=next(4) {
                let at = next(bytes.len());
                match next(4) {
                    0 => bytes[at] = next(256) as u8,
                    1 => bytes[at] ^= 1 << next(8),
                    2 => bytes.insert(at, next(256) as u8),
                    _ if bytes.len() > 1 => {
                        bytes.remove(at);
                    }
                    _ => {}
                }
            }
            let Ok(message) = decoded(&bytes) else {
                continue;
            };
            taken += 1;
            // What was understood can be said again, and means the same.
            assert_eq!(decoded(&message.encode()), Ok(message.clone()), "{bytes:?}");
            if let Message::Stored(Commit {
                updates: Told::Whole(updates),
                ..
            }) = message
            {
                assert!(updates.iter().map(Bytes::len).sum::<usize>() < bytes.len());
            }
        }
        assert!(taken > 1_000, "{taken}");
    }
}
