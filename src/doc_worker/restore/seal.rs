//! Update bytes in which every plain value is closed up, so that it goes through yrs without being read.
//!
//! yrs reads a BigInt and -0 as other numbers, shuffles the keys of objects, knows no XML hooks, and takes many times the
//! memory of a value that it unfolds. So before yrs sees an update, each value becomes a byte string that holds the value's
//! own bytes; what yrs then writes is opened again. Knows the grammar of updates, not what they mean. The rule: clocks stay
//! as they are, and opening gives back byte for byte what was closed up.

use scrible_wire::varint::{Reader, write_number, write_var_bytes};
use scrible_wire::{Malformed, Reason};

use super::value;

const KIND_BITS: u8 = 0x1f;
const HAS_LEFT: u8 = 0x80;
const HAS_RIGHT: u8 = 0x40;
const HAS_KEY: u8 = 0x20;

const GC: u8 = 0;
const DELETED: u8 = 1;
const BINARY: u8 = 3;
const STRING: u8 = 4;
const EMBED: u8 = 5;
const FORMAT: u8 = 6;
const TYPE: u8 = 7;
const ANY: u8 = 8;
const DOC: u8 = 9;
const SKIP: u8 = 10;

const ELEMENT: u8 = 3;
const HOOK: u8 = 5;
/// A hook goes through yrs as an element of such a name, which no parser of XML or HTML would ever give to one.
const HOOK_PREFIX: &str = "\0hook:";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Close,
    Open,
}

/// Closes up the plain values of a v1 update: yrs shows values and bytes as [`yrs::Any::Buffer`], embeds and marks as a
/// list of one text, and a mark's end still as null.
pub(in crate::doc_worker) fn seal(update: &[u8]) -> Result<Vec<u8>, Malformed> {
    rewrite(update, Way::Close)
}

/// Opens what [`seal`] closed up, in an update that yrs wrote.
pub(in crate::doc_worker) fn open(update: &[u8]) -> Result<Vec<u8>, Malformed> {
    rewrite(update, Way::Open)
}

fn rewrite(update: &[u8], way: Way) -> Result<Vec<u8>, Malformed> {
    let mut copy = Copy {
        reader: Reader::new(update),
        update,
        out: Vec::with_capacity(update.len() + update.len() / 8),
        way,
    };
    let lists = copy.number()?;
    for _ in 0..lists {
        let structs = copy.number()?;
        copy.id()?;
        for _ in 0..structs {
            copy.structure()?;
        }
    }
    let deletes = copy.reader.rest();
    copy.out.extend_from_slice(deletes);
    Ok(copy.out)
}

/// Reads from one side and writes to the other.
struct Copy<'a> {
    reader: Reader<'a>,
    update: &'a [u8],
    out: Vec<u8>,
    way: Way,
}

impl<'a> Copy<'a> {
    fn structure(&mut self) -> Result<(), Malformed> {
        let at = self.reader.at();
        let info = self.reader.byte()?;
        let info_at = self.out.len();
        self.out.push(info);
        let kind = info & KIND_BITS;
        if kind == GC || kind == SKIP {
            return self.number().map(drop);
        }
        self.place(info)?;
        match kind {
            DELETED => self.number().map(drop),
            STRING => self.bytes().map(drop),
            BINARY if self.way == Way::Close => {
                self.out[info_at] = info & !KIND_BITS | ANY;
                let value = value::of_bytes(self.reader.var_bytes()?);
                write_number(&mut self.out, 1);
                self.out.extend_from_slice(&value::of_bytes(&value));
                Ok(())
            }
            BINARY => self.bytes().map(drop),
            EMBED => self.json(),
            FORMAT => {
                self.bytes()?;
                self.json()
            }
            TYPE => self.shared_type(at),
            ANY => {
                let count = self.number()?;
                (0..count).try_for_each(|_| self.value())
            }
            DOC => {
                self.bytes()?;
                let from = self.reader.at();
                value::skip(&mut self.reader)?;
                self.copy_from(from);
                Ok(())
            }
            _ => Err(Malformed {
                reason: Reason::Kind,
                at,
            }),
        }
    }

    /// Where an item stands: its neighbours, or else its parent.
    fn place(&mut self, info: u8) -> Result<(), Malformed> {
        if info & HAS_LEFT != 0 {
            self.id()?;
        }
        if info & HAS_RIGHT != 0 {
            self.id()?;
        }
        if info & (HAS_LEFT | HAS_RIGHT) == 0 {
            if self.number()? == 1 {
                self.bytes()?;
            } else {
                self.id()?;
            }
            if info & HAS_KEY != 0 {
                self.bytes()?;
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<(), Malformed> {
        let from = self.reader.at();
        match self.way {
            Way::Close => {
                value::skip(&mut self.reader)?;
                let closed = value::of_bytes(&self.update[from..self.reader.at()]);
                self.out.extend_from_slice(&closed);
            }
            Way::Open => {
                if self.reader.byte()? != value::BUFFER {
                    return Err(Malformed {
                        reason: Reason::Tag,
                        at: from,
                    });
                }
                let value = self.reader.var_bytes()?;
                self.out.extend_from_slice(value);
            }
        }
        Ok(())
    }

    /// JSON, as embeds and marks have it.
    fn json(&mut self) -> Result<(), Malformed> {
        let at = self.reader.at();
        let text = self.reader.var_str()?;
        let malformed = |_| Malformed {
            reason: Reason::Json,
            at,
        };
        let rewritten = match self.way {
            _ if text == "null" => text.to_owned(),
            Way::Close => serde_json::to_string(&[text]).map_err(malformed)?,
            Way::Open => {
                let [text] = serde_json::from_str::<[String; 1]>(text).map_err(malformed)?;
                text
            }
        };
        write_var_bytes(&mut self.out, rewritten.as_bytes());
        Ok(())
    }

    fn shared_type(&mut self, at: usize) -> Result<(), Malformed> {
        match (self.reader.byte()?, self.way) {
            (HOOK, Way::Close) => {
                let name = self.reader.var_str()?;
                self.out.push(ELEMENT);
                write_var_bytes(&mut self.out, format!("{HOOK_PREFIX}{name}").as_bytes());
            }
            (ELEMENT, way) => {
                let name = self.reader.var_str()?;
                let hook = name.strip_prefix(HOOK_PREFIX).filter(|_| way == Way::Open);
                self.out.push(if hook.is_some() { HOOK } else { ELEMENT });
                write_var_bytes(&mut self.out, hook.unwrap_or(name).as_bytes());
            }
            // array, map, text, fragment, text in XML
            (kind @ (0 | 1 | 2 | 4 | 6), _) => self.out.push(kind),
            _ => {
                return Err(Malformed {
                    reason: Reason::TypeRef,
                    at,
                });
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let from = self.reader.at();
        let number = self.reader.number()?;
        self.copy_from(from);
        Ok(number)
    }

    /// A client and a clock.
    fn id(&mut self) -> Result<(), Malformed> {
        self.number()?;
        self.number().map(drop)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let from = self.reader.at();
        let bytes = self.reader.var_bytes()?;
        self.copy_from(from);
        Ok(bytes)
    }

    fn copy_from(&mut self, from: usize) {
        self.out
            .extend_from_slice(&self.update[from..self.reader.at()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One client's list with these structs, and one range deleted.
    fn update(structs: &[&[u8]]) -> Vec<u8> {
        let mut update = vec![1, structs.len() as u8, 7, 0];
        update.extend(structs.concat());
        update.extend([1, 7, 1, 0, 1]);
        update
    }

    #[test]
    fn opening_gives_back_what_was_closed_up() {
        let structs: &[&[u8]] = &[
            // A key of a root: -0, a BigInt, an object with its keys in no order.
            &[
                0x28, 1, 1, b'm', 1, b'k', 3, 125, 0x40, 122, 0, 0, 0, 0, 0, 0, 0, 5,
            ],
            &[118, 2, 1, b'b', 120, 1, b'a', 121],
            // An embed, a mark and its end, behind what was before them.
            &[0x85, 7, 2, 7, b'{', b'"', b'a', b'"', b':', b'1', b'}'],
            &[0xc6, 7, 3, 7, 0, 1, b'b', 4, b't', b'r', b'u', b'e'],
            &[0x86, 7, 4, 1, b'b', 4, b'n', b'u', b'l', b'l'],
            // A hook, an element, a map.
            &[0x07, 1, 1, b'x', HOOK, 1, b'h'],
            &[0x07, 0, 7, 5, ELEMENT, 1, b'p'],
            &[0x87, 7, 6, 1],
            // Text, deleted, collected, a gap.
            &[0x04, 1, 1, b't', 2, b'h', b'i'],
            &[0x81, 7, 9, 3],
            &[0, 4],
            &[10, 2],
            // A sub-document.
            &[0x09, 1, 1, b's', 1, b'g', 118, 0],
        ];
        // The first two lines are one struct.
        let mut bytes = update(structs);
        bytes[1] -= 1;
        let sealed = seal(&bytes).unwrap();
        assert_ne!(sealed, bytes);
        assert!(!sealed.windows(3).any(|w| w == [HOOK, 1, b'h']));
        assert_eq!(open(&sealed).unwrap(), bytes);
    }

    #[test]
    fn bytes_come_back_as_a_value() {
        let bytes = update(&[&[0x03, 1, 1, b'm', 2, 9, 8]]);
        let opened = open(&seal(&bytes).unwrap()).unwrap();
        assert_eq!(opened, update(&[&[0x08, 1, 1, b'm', 1, 116, 2, 9, 8]]));
    }

    #[test]
    fn what_is_no_update_is_refused() {
        let legacy_json = update(&[&[0x02, 1, 1, b'm', 1, 1, b'1']]);
        assert_eq!(seal(&legacy_json).unwrap_err().reason, Reason::Kind);
        let weak_link = update(&[&[0x07, 1, 1, b'm', 7, 0]]);
        assert_eq!(seal(&weak_link).unwrap_err().reason, Reason::TypeRef);
        assert!(seal(&[1]).is_err());
        // Values that were never closed up can't be opened.
        assert!(open(&update(&[&[0x08, 1, 1, b'm', 1, 125, 0x80]])).is_err());
    }
}
