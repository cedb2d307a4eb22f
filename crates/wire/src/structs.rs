//! One struct of a v1 update: read for what it takes up and builds on, and written again without its beginning.
//!
//! Does not know what a room has. The rule: apart from a cut that somebody asked for, bytes are copied and never
//! re-encoded, so that content stays exactly what its author wrote.

use crate::json;
use crate::limits::{Limits, MAX_CLOCK};
use crate::malformed::{Malformed, Reason};
use crate::value::{self, ValueFacts};
use crate::varint::{Reader, write_number, write_var_bytes};

/// The content kinds, in the low five bits of the first byte.
pub(crate) mod kind {
    pub const GC: u8 = 0;
    pub const DELETED: u8 = 1;
    pub const BINARY: u8 = 3;
    pub const STRING: u8 = 4;
    pub const EMBED: u8 = 5;
    pub const FORMAT: u8 = 6;
    pub const TYPE: u8 = 7;
    pub const ANY: u8 = 8;
    pub const DOC: u8 = 9;
    pub const SKIP: u8 = 10;
}

pub(crate) const KIND_BITS: u8 = 0x1f;
const HAS_LEFT: u8 = 0x80;
const HAS_RIGHT: u8 = 0x40;
/// The item sits under a map key. Set even where the key itself is not written, because an origin implies it.
const HAS_KEY: u8 = 0x20;

/// The smallest struct: a byte of info and a length.
pub(crate) const MIN_BYTES: usize = 2;

/// What stands for each half of a surrogate pair that was cut apart, as in Yjs.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// The name of one clock tick of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub client: u64,
    pub clock: u32,
}

impl Id {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Id, Malformed> {
        Ok(Id {
            client: reader.client()?,
            clock: reader.clock()?,
        })
    }

    fn write(self, out: &mut Vec<u8>) {
        write_number(out, self.client);
        write_number(out, u64::from(self.clock));
    }
}

/// A struct as it stands in an update.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Struct {
    pub info: u8,
    /// Its first clock.
    pub clock: u32,
    /// How many clocks it takes, never 0.
    pub len: u32,
    pub left: Option<Id>,
    pub right: Option<Id>,
    pub parent: Option<Id>,
    /// Offset of its first byte.
    pub at: usize,
    /// Offset of what it holds, behind what says where it stands.
    pub content_at: usize,
    /// Offset behind its last byte.
    pub end_at: usize,
}

/// What structs hold that others need to know about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub values: ValueFacts,
    pub has_format: bool,
    pub has_subdoc: bool,
    pub has_hook: bool,
}

impl Struct {
    #[inline]
    pub(crate) fn kind(&self) -> u8 {
        self.info & KIND_BITS
    }

    #[inline]
    pub(crate) fn is_skip(&self) -> bool {
        self.kind() == kind::SKIP
    }

    /// The clock behind it.
    #[inline]
    pub(crate) fn end(&self) -> u32 {
        self.clock + self.len
    }

    /// The first item of another client that is not there, where `clock_of` tells what is.
    #[inline]
    pub(crate) fn lacks(&self, client: u64, mut clock_of: impl FnMut(u64) -> u32) -> Option<Id> {
        let mut lacking = |id: &Id| id.client != client && id.clock >= clock_of(id.client);
        let left = self.left.filter(&mut lacking);
        let right = || self.right.filter(&mut lacking);
        left.or_else(right)
            .or_else(|| self.parent.filter(&mut lacking))
    }

    /// Reads the struct of `client` that starts at `clock`, and holds it to the grammar.
    #[inline]
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        client: u64,
        clock: u32,
        limits: &Limits,
        facts: &mut Facts,
    ) -> Result<Struct, Malformed> {
        let at = reader.at();
        let info = reader.byte()?;
        let mut this = Struct {
            info,
            clock,
            len: 0,
            left: None,
            right: None,
            parent: None,
            at,
            content_at: at + 1,
            end_at: 0,
        };
        let kind = this.kind();
        if kind == kind::GC || kind == kind::SKIP {
            if info != kind {
                return Err(Reason::Info.at(at));
            }
            this.len = reader.clock_len(clock)?;
        } else {
            this.read_place(reader, client)?;
            this.content_at = reader.at();
            this.len = content_len(reader, kind, clock, limits, facts)?;
        }
        this.end_at = reader.at();
        Ok(this)
    }

    /// Reads what says where an item stands: its neighbours, or else its parent.
    #[inline]
    fn read_place(&mut self, reader: &mut Reader<'_>, client: u64) -> Result<(), Malformed> {
        let own_past = |id: Id, at: usize| {
            if id.client == client && id.clock >= self.clock {
                Err(Reason::OwnFuture.at(at))
            } else {
                Ok(Some(id))
            }
        };
        let (mut left, mut right, mut parent) = (None, None, None);
        if self.info & HAS_LEFT != 0 {
            let at = reader.at();
            left = own_past(Id::read(reader)?, at)?;
        }
        if self.info & HAS_RIGHT != 0 {
            let at = reader.at();
            right = own_past(Id::read(reader)?, at)?;
        }
        if self.info & (HAS_LEFT | HAS_RIGHT) == 0 {
            let at = reader.at();
            match reader.number()? {
                1 => drop(reader.var_text()?),
                0 => {
                    let at = reader.at();
                    parent = own_past(Id::read(reader)?, at)?;
                }
                _ => return Err(Reason::ParentInfo.at(at)),
            }
            if self.info & HAS_KEY != 0 {
                reader.var_text()?;
            }
        }
        (self.left, self.right, self.parent) = (left, right, parent);
        Ok(())
    }

    /// Appends the struct without its first `cut` clocks, as Yjs does: what is left hangs on the last clock that was cut
    /// off. `bytes` is the update that it was read from, and 0 < `cut` < `len`.
    pub(crate) fn write_cut(
        &self,
        bytes: &[u8],
        client: u64,
        cut: u32,
        limits: &Limits,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        debug_assert!(0 < cut && cut < self.len);
        let kind = self.kind();
        if kind == kind::GC || kind == kind::SKIP {
            out.push(self.info);
            write_number(out, u64::from(self.len - cut));
            return Ok(());
        }
        out.push(self.info | HAS_LEFT);
        let left = Id {
            client,
            clock: self.clock + cut - 1,
        };
        left.write(out);
        if let Some(right) = self.right {
            right.write(out);
        }
        let mut reader = Reader::again(bytes, self.content_at);
        match kind {
            kind::DELETED => write_number(out, u64::from(self.len - cut)),
            kind::STRING => write_cut_text(reader.var_str()?, cut as usize, out),
            kind::ANY => {
                reader.number()?;
                for _ in 0..cut {
                    value::skip(&mut reader, limits.value_depth, &mut ValueFacts::default())?;
                }
                write_number(out, u64::from(self.len - cut));
                out.extend_from_slice(&bytes[reader.at()..self.end_at]);
            }
            // Everything else takes a single clock, so nothing can be cut off.
            _ => return Err(Reason::Kind.at(self.at)),
        }
        Ok(())
    }
}

/// Reads content and tells how many clocks it takes.
#[inline]
fn content_len(
    reader: &mut Reader<'_>,
    kind: u8,
    clock: u32,
    limits: &Limits,
    facts: &mut Facts,
) -> Result<u32, Malformed> {
    let at = reader.at();
    let len = match kind {
        kind::DELETED => return reader.clock_len(clock),
        kind::STRING => utf16_len(reader.var_text()?),
        kind::ANY => {
            let count = reader.count(1)?;
            for _ in 0..count {
                value::skip(reader, limits.value_depth, &mut facts.values)?;
            }
            count
        }
        kind::BINARY => {
            reader.var_bytes()?;
            1
        }
        kind::EMBED => {
            read_json(reader, limits)?;
            1
        }
        kind::FORMAT => {
            facts.has_format = true;
            reader.var_text()?;
            read_json(reader, limits)?;
            1
        }
        kind::TYPE => {
            // A single byte: yrs reads no more than that, so a longer zero would mean something else to it.
            match reader.byte()? {
                // array, map, text, fragment, text in XML
                0 | 1 | 2 | 4 | 6 => {}
                // element and hook have a name
                3 => drop(reader.var_text()?),
                5 => {
                    facts.has_hook = true;
                    reader.var_text()?;
                }
                _ => return Err(Reason::TypeRef.at(at)),
            }
            1
        }
        kind::DOC => {
            facts.has_subdoc = true;
            reader.var_text()?;
            // Options other than a map make Yjs throw while it decodes, in every client that hears of them.
            let at = reader.at();
            if reader.clone().byte()? != value::MAP {
                return Err(Reason::Tag.at(at));
            }
            value::skip(reader, limits.value_depth, &mut facts.values)?;
            1
        }
        // Kind 2, JSON of the first Yjs versions, is read differently by yrs; 11 and above only yrs has.
        _ => return Err(Reason::Kind.at(at)),
    };
    if len == 0 {
        return Err(Reason::Empty.at(at));
    }
    if u64::from(clock) + len as u64 >= MAX_CLOCK {
        return Err(Reason::Clock.at(at));
    }
    Ok(len as u32)
}

fn read_json(reader: &mut Reader<'_>, limits: &Limits) -> Result<(), Malformed> {
    let at = reader.at();
    json::check(reader.var_str()?, limits.value_depth).map_err(|reason| reason.at(at))
}

/// Length in UTF-16 units: one for each byte that starts a code point, and one more where it starts one of four bytes.
#[inline]
fn utf16_len(text: &[u8]) -> usize {
    text.iter()
        .map(|byte| usize::from(byte & 0xc0 != 0x80) + usize::from(*byte >= 0xf0))
        .sum()
}

/// Appends `text` without its first `cut` UTF-16 units. Of a surrogate pair that is cut apart U+FFFD stays: the clocks
/// go on, and half a pair can't be written as UTF-8.
fn write_cut_text(text: &str, cut: usize, out: &mut Vec<u8>) {
    let mut units = 0;
    let mut chars = text.char_indices();
    for (_, char) in chars.by_ref() {
        units += char.len_utf16();
        if units >= cut {
            break;
        }
    }
    let rest = chars.as_str().as_bytes();
    if units > cut {
        write_number(out, (REPLACEMENT.len() + rest.len()) as u64);
        out.extend_from_slice(REPLACEMENT);
        out.extend_from_slice(rest);
    } else {
        write_var_bytes(out, rest);
    }
}
