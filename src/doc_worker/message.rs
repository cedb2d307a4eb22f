//! What a server and its doc workers say to each other: a length, a head in JSON, and the bytes that the head announces.
//!
//! Knows no processes. The rules: nothing is allocated for what was announced before that was held to a limit, and bytes go
//! out as they are held, without being joined first.

use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;
use scrible_exporter::export::PictureSize;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::export::{BoardChoice, Facts, Order, Refusal};

/// A head may be larger than what follows it by this. The size of an update takes no more than its bytes.
const HEAD_BYTES: usize = 1 << 20;

/// What is asked of a worker. Numbers are sizes in bytes of what follows, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// One update out of many.
    Build {
        /// The updates.
        blobs: Vec<usize>,
    },
    /// The doc as JSON.
    Json {
        /// The updates.
        blobs: Vec<usize>,
    },
    /// What makes one doc show what another shows.
    Restore {
        /// The updates of the doc as it is.
        current: Vec<usize>,
        /// The updates of the doc as it should show.
        target: Vec<usize>,
    },
    /// Files made of the doc's board.
    Export {
        /// What to make.
        order: Order,
        /// The updates.
        blobs: Vec<usize>,
        /// Files that the board only names: by what names, and their sizes.
        pictures: Vec<(String, usize)>,
    },
    /// What the doc's board calls the files that it only names.
    Pictures {
        /// Which board.
        board: BoardChoice,
        /// The updates.
        blobs: Vec<usize>,
    },
}

/// What a worker answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It has all of the request. What becomes of it from here on is the doc's doing.
    Started,
    /// To [`Request::Build`].
    Built {
        /// Size of the update.
        snapshot: usize,
        /// Size of its state vector.
        state_vector: usize,
    },
    /// To [`Request::Json`].
    Json {
        /// Size of the text.
        text: usize,
    },
    /// To [`Request::Restore`].
    Restored {
        /// Size of the update, if there is one.
        update: Option<usize>,
        /// How many changes it makes.
        changes: u64,
        /// What could not be restored.
        left: Vec<String>,
    },
    /// To [`Request::Export`].
    Exported {
        /// Each with the size of its bytes.
        files: Vec<File>,
        /// What is said about all.
        facts: Facts,
    },
    /// To [`Request::Pictures`].
    Pictures {
        /// The names, each once.
        names: Vec<String>,
    },
    /// What was asked for cannot be had.
    Refused(Refusal),
    /// The doc cannot be worked with.
    Broken {
        /// A sentence.
        why: String,
    },
    /// The same, and the worker is gone.
    Panicked {
        /// What the panic said.
        why: String,
    },
}

/// A file that follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its page, when there is one for each.
    pub page: Option<usize>,
    /// Of a picture.
    pub size: Option<PictureSize>,
    /// How many pages it has, where it may have several.
    pub pages: Option<usize>,
    /// Characters that no font has.
    pub missing: Vec<char>,
    /// What was left out.
    pub left_out: Vec<String>,
    /// How many bytes it has.
    pub bytes: usize,
}

/// A head that says how many bytes follow it.
pub trait Head: Serialize + DeserializeOwned {
    /// The sizes, in the order of the bytes.
    fn sizes(&self) -> Vec<usize>;
}

impl Head for Request {
    fn sizes(&self) -> Vec<usize> {
        match self {
            Self::Build { blobs } | Self::Json { blobs } | Self::Pictures { blobs, .. } => {
                blobs.clone()
            }
            Self::Export {
                blobs, pictures, ..
            } => {
                let pictures = pictures.iter().map(|(_, size)| *size);
                blobs.iter().copied().chain(pictures).collect()
            }
            Self::Restore { current, target } => [current.as_slice(), target].concat(),
        }
    }
}

impl Head for Answer {
    fn sizes(&self) -> Vec<usize> {
        match self {
            Self::Built {
                snapshot,
                state_vector,
            } => vec![*snapshot, *state_vector],
            Self::Json { text } => vec![*text],
            Self::Restored { update, .. } => update.iter().copied().collect(),
            Self::Exported { files, .. } => files.iter().map(|file| file.bytes).collect(),
            Self::Started
            | Self::Pictures { .. }
            | Self::Refused(_)
            | Self::Broken { .. }
            | Self::Panicked { .. } => Vec::new(),
        }
    }
}

/// Writes a message. `blobs` are what the head announces.
pub fn write(head: &impl Head, blobs: &[Bytes], mut to: impl Write) -> io::Result<()> {
    to.write_all(&encoded(head)?)?;
    for blob in blobs {
        to.write_all(blob)?;
    }
    to.flush()
}

/// Reads a message of which no more than `max_bytes` follow the head. None at the end of the stream.
pub fn read<H: Head>(mut from: impl Read, max_bytes: usize) -> io::Result<Option<(H, Vec<Bytes>)>> {
    let mut len = [0; 4];
    match from.read(&mut len)? {
        0 => return Ok(None),
        some => from.read_exact(&mut len[some..])?,
    }
    let mut head = vec![0; head_len(len, max_bytes)?];
    from.read_exact(&mut head)?;
    let (head, sizes, total) = decoded::<H>(&head, max_bytes)?;
    let mut bytes = vec![0; total];
    from.read_exact(&mut bytes)?;
    Ok(Some((head, cut(bytes, &sizes))))
}

/// [`write`] for the side that waits for many things.
///
/// Whoever drops this half-way has said half a message.
pub async fn send(
    head: &impl Head,
    blobs: &[Bytes],
    to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    // Gathers small updates; large ones pass it by.
    let mut to = tokio::io::BufWriter::with_capacity(64 << 10, to);
    to.write_all(&encoded(head)?).await?;
    for blob in blobs {
        to.write_all(blob).await?;
    }
    to.flush().await
}

/// [`read`] for the side that waits for many things. The end of the stream is an error.
pub async fn receive<H: Head>(
    mut from: impl AsyncRead + Unpin,
    max_bytes: usize,
) -> io::Result<(H, Vec<Bytes>)> {
    let mut len = [0; 4];
    from.read_exact(&mut len).await?;
    let mut head = vec![0; head_len(len, max_bytes)?];
    from.read_exact(&mut head).await?;
    let (head, sizes, total) = decoded::<H>(&head, max_bytes)?;
    let mut bytes = vec![0; total];
    from.read_exact(&mut bytes).await?;
    Ok((head, cut(bytes, &sizes)))
}

fn encoded(head: &impl Head) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, head)?;
    let len = u32::try_from(bytes.len() - 4).map_err(|_| invalid("its head is too long"))?;
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    Ok(bytes)
}

fn head_len(bytes: [u8; 4], max_bytes: usize) -> io::Result<usize> {
    match u32::from_le_bytes(bytes) as usize {
        len if len > max_bytes.saturating_add(HEAD_BYTES) => Err(invalid("its head is too long")),
        len => Ok(len),
    }
}

fn decoded<H: Head>(head: &[u8], max_bytes: usize) -> io::Result<(H, Vec<usize>, usize)> {
    let head: H = serde_json::from_slice(head)?;
    let sizes = head.sizes();
    let add = |total: usize, size: &usize| total.checked_add(*size);
    match sizes.iter().try_fold(0, add) {
        Some(total) if total <= max_bytes => Ok((head, sizes, total)),
        _ => Err(invalid("more bytes are announced than may follow")),
    }
}

fn cut(bytes: Vec<u8>, sizes: &[usize]) -> Vec<Bytes> {
    let mut bytes = Bytes::from(bytes);
    sizes.iter().map(|size| bytes.split_to(*size)).collect()
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> (Request, Vec<Bytes>) {
        let blobs: Vec<Bytes> = [&b"abc"[..], b"", b"de"].map(Bytes::from_static).into();
        let head = Request::Restore {
            current: vec![3],
            target: vec![0, 2],
        };
        (head, blobs)
    }

    #[tokio::test]
    async fn both_sides_speak_the_same() {
        let (head, blobs) = request();
        let (mut sent, mut written) = (Vec::new(), Vec::new());
        send(&head, &blobs, &mut sent).await.unwrap();
        write(&head, &blobs, &mut written).unwrap();
        assert_eq!(sent, written);
        let heard = read::<Request>(&sent[..], 5).unwrap();
        assert_eq!(heard, Some((head.clone(), blobs.clone())));
        let received = receive::<Request>(&sent[..], 5).await.unwrap();
        assert_eq!(received, (head, blobs));
    }

    #[test]
    fn more_than_the_limit_is_refused_before_it_is_read() {
        let (head, _) = request();
        let mut bytes = Vec::new();
        write(&head, &[], &mut bytes).unwrap();
        let error = read::<Request>(&bytes[..], 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let huge = Request::Build {
            blobs: vec![usize::MAX, 2],
        };
        let mut bytes = Vec::new();
        write(&huge, &[], &mut bytes).unwrap();
        assert!(read::<Request>(&bytes[..], usize::MAX).is_err());
        assert!(read::<Request>(&[255; 8][..], 100).is_err());
    }

    #[test]
    fn the_end_is_no_error_and_a_message_cut_off_is_one() {
        let (head, blobs) = request();
        let mut bytes = Vec::new();
        write(&head, &blobs, &mut bytes).unwrap();
        assert_eq!(read::<Request>(&[][..], 5).unwrap(), None);
        for end in 1..bytes.len() {
            assert!(read::<Request>(&bytes[..end], 5).is_err(), "{end}");
        }
    }
}
