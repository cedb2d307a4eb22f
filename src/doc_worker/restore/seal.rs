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

/// Values that may stand in one item. yrs copies an item's values whenever it cuts it, and a board that was imported in
/// one go is a single item of thousands; two items of values in a row it would join again, so every so many-th value goes
/// as bytes, which it never joins.
const VALUES_TOGETHER: u64 = 128;

const ELEMENT: u8 = 3;
const HOOK: u8 = 5;
/// A hook goes through yrs as an element of such a name.
const HOOK_PREFIX: &str = "\0hook:";
/// No parser of XML or HTML gives an element a name with a zero, but a client can: what begins with one stands behind this.
const ELEMENT_PREFIX: &str = "\0element:";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Close,
    /// Close, with few values in an item.
    CloseShort,
    Open,
}

/// Closes up the plain values of a v1 update: yrs shows values and bytes as [`yrs::Any::Buffer`], embeds and marks as a
/// list of one text, and a mark's end still as null.
pub(in crate::doc_worker) fn seal(update: &[u8]) -> Result<Vec<u8>, Malformed> {
    rewrite(update, Way::Close)
}

/// The same for a doc that is to be edited, with few values in an item, so that yrs cuts them cheaply. What yrs then has of
/// it is not for opening: some values are bytes there.
pub(super) fn seal_to_edit(update: &[u8]) -> Result<Vec<u8>, Malformed> {
    rewrite(update, Way::CloseShort)
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
        client: 0,
        clock: 0,
        written: 0,
        together: 0,
    };
    let lists = copy.number()?;
    for _ in 0..lists {
        copy.list()?;
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
    /// Where the structs stand that are being read.
    client: u64,
    clock: u64,
    /// How many structs were written of this list.
    written: u64,
    /// How many values yrs might join into one item with the next ones.
    together: u64,
}

impl<'a> Copy<'a> {
    /// The structs of one client.
    fn list(&mut self) -> Result<(), Malformed> {
        let structs = self.reader.number()?;
        self.client = self.reader.number()?;
        let clock = self.reader.number()?;
        (self.clock, self.written, self.together) = (clock, 0, 0);
        let before = std::mem::take(&mut self.out);
        for _ in 0..structs {
            let len = self.structure()?;
            self.clock += len;
        }
        let list = std::mem::replace(&mut self.out, before);
        for number in [self.written, self.client, clock] {
            write_number(&mut self.out, number);
        }
        self.out.extend_from_slice(&list);
        Ok(())
    }

    /// Answers with the clocks that it takes.
    fn structure(&mut self) -> Result<u64, Malformed> {
        let at = self.reader.at();
        let info = self.reader.byte()?;
        let info_at = self.out.len();
        self.out.push(info);
        self.written += 1;
        let kind = info & KIND_BITS;
        if kind == GC || kind == SKIP {
            return self.number();
        }
        let right = self.place(info)?;
        if kind == ANY {
            return self.values(info_at, right);
        }
        self.together = 0;
        match kind {
            DELETED => return self.number(),
            STRING => {
                let text = String::from_utf8_lossy(self.bytes()?);
                return Ok(text.encode_utf16().count() as u64);
            }
            BINARY => self.binary()?,
            EMBED => self.json()?,
            FORMAT => {
                self.bytes()?;
                self.json()?;
            }
            TYPE => self.shared_type(at)?,
            DOC => {
                self.bytes()?;
                let from = self.reader.at();
                value::skip(&mut self.reader)?;
                self.copy_from(from);
            }
            _ => {
                return Err(Malformed {
                    reason: Reason::Kind,
                    at,
                });
            }
        }
        Ok(1)
    }

    /// Where an item stands: its neighbours, or else its parent. Answers with the bytes of its right neighbour.
    fn place(&mut self, info: u8) -> Result<&'a [u8], Malformed> {
        if info & HAS_LEFT != 0 {
            self.id()?;
        }
        let from = self.reader.at();
        if info & HAS_RIGHT != 0 {
            self.id()?;
        }
        let right = &self.update[from..self.reader.at()];
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
        Ok(right)
    }

    /// Bytes that are an item of their own, which go through yrs like a value that is bytes.
    fn binary(&mut self) -> Result<(), Malformed> {
        let at = self.reader.at();
        let bytes = self.reader.var_bytes()?;
        if self.way == Way::Open {
            let bytes = value::bytes(bytes).ok_or(Malformed {
                reason: Reason::Tag,
                at,
            })?;
            write_var_bytes(&mut self.out, bytes);
        } else {
            write_var_bytes(&mut self.out, &value::of_bytes(bytes));
        }
        Ok(())
    }

    /// The values of an item that was begun at `info_at` and stands left of `right`.
    fn values(&mut self, info_at: usize, right: &[u8]) -> Result<u64, Malformed> {
        let count = self.reader.number()?;
        let info = self.out[info_at];
        // Under a key only the last of many counts, and nobody writes more than one.
        if self.way != Way::CloseShort || info & HAS_KEY != 0 {
            write_number(&mut self.out, count);
            (0..count).try_for_each(|_| self.value())?;
            return Ok(count);
        }
        let mut done = 0;
        while done < count {
            let kind = if self.together < VALUES_TOGETHER {
                ANY
            } else {
                BINARY
            };
            if done == 0 {
                self.out[info_at] = info & !KIND_BITS | kind;
            } else {
                self.go_on_behind(done, info, kind, right);
            }
            if kind == ANY {
                let more = (count - done).min(VALUES_TOGETHER - self.together);
                write_number(&mut self.out, more);
                (0..more).try_for_each(|_| self.value())?;
                done += more;
                self.together += more;
            } else {
                let bytes = self.skipped()?;
                write_var_bytes(&mut self.out, bytes);
                done += 1;
                self.together = 0;
            }
        }
        Ok(count)
    }

    /// Begins an item that was the rest of another one, `done` clocks of which were written.
    fn go_on_behind(&mut self, done: u64, info: u8, kind: u8, right: &[u8]) {
        self.written += 1;
        self.out.push(info & HAS_RIGHT | HAS_LEFT | kind);
        write_number(&mut self.out, self.client);
        write_number(&mut self.out, self.clock + done - 1);
        self.out.extend_from_slice(right);
    }

    /// The bytes of a value.
    fn skipped(&mut self) -> Result<&'a [u8], Malformed> {
        let from = self.reader.at();
        value::skip(&mut self.reader)?;
        Ok(&self.update[from..self.reader.at()])
    }

    fn value(&mut self) -> Result<(), Malformed> {
        let from = self.reader.at();
        let value = self.skipped()?;
        if self.way == Way::Open {
            let opened = value::bytes(value).ok_or(Malformed {
                reason: Reason::Tag,
                at: from,
            })?;
            self.out.extend_from_slice(opened);
        } else {
            self.out.extend_from_slice(&value::of_bytes(value));
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
            Way::Close | Way::CloseShort => serde_json::to_string(&[text]).map_err(malformed)?,
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
            (HOOK, Way::Close | Way::CloseShort) => {
                let name = self.reader.var_str()?;
                self.out.push(ELEMENT);
                write_var_bytes(&mut self.out, format!("{HOOK_PREFIX}{name}").as_bytes());
            }
            (ELEMENT, Way::Close | Way::CloseShort) => {
                let name = self.reader.var_str()?;
                let prefix = if name.starts_with('\0') {
                    ELEMENT_PREFIX
                } else {
                    ""
                };
                self.out.push(ELEMENT);
                write_var_bytes(&mut self.out, format!("{prefix}{name}").as_bytes());
            }
            (ELEMENT, Way::Open) => {
                let name = self.reader.var_str()?;
                let (kind, name) = match name.strip_prefix(HOOK_PREFIX) {
                    Some(hook) => (HOOK, hook),
                    None => (ELEMENT, name.strip_prefix(ELEMENT_PREFIX).unwrap_or(name)),
                };
                self.out.push(kind);
                write_var_bytes(&mut self.out, name.as_bytes());
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
    use yrs::types::ToJson;
    use yrs::updates::decoder::Decode;
    use yrs::{Any, Array, Out, ReadTxn, Transact, Update};

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
            // An element with the name of a hook, as one might write to look like it.
            b"\x87\x07\x07\x03\x07\0hook:h",
            b"\x87\x07\x08\x03\x0a\0element:h",
            // Text, deleted, collected, a gap.
            &[0x04, 1, 1, b't', 2, b'h', b'i'],
            &[0x81, 7, 11, 3],
            &[0, 4],
            &[10, 2],
            // Bytes, a sub-document.
            &[0x03, 1, 1, b'm', 2, 9, 8],
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
    fn long_runs_of_values_are_cut_where_yrs_will_not_join_them() {
        let list = |doc: &yrs::Doc| doc.get_or_insert_array("list");
        let board = yrs::Doc::with_client_id(7);
        let values = |numbers: std::ops::Range<i64>| numbers.map(Any::from).collect::<Vec<_>>();
        list(&board).insert_range(&mut board.transact_mut(), 0, values(0..1_000));
        list(&board).insert_range(&mut board.transact_mut(), 500, values(1_000..1_300));
        for n in 0..300 {
            list(&board).push_back(&mut board.transact_mut(), n);
        }
        let state = |doc: &yrs::Doc| {
            let txn = doc.transact();
            txn.encode_state_as_update_v1(&Default::default())
        };
        let update = state(&board);
        let doc = yrs::Doc::new();
        let cut = Update::decode_v1(&seal_to_edit(&update).unwrap()).unwrap();
        doc.transact_mut().apply_update(cut).unwrap();
        let shown: Vec<Vec<u8>> = {
            let (list, txn) = (list(&board), board.transact());
            let bytes = |value: Out| {
                let mut bytes = Vec::new();
                value.to_json(&txn).encode(&mut bytes);
                bytes
            };
            list.iter(&txn).map(bytes).collect()
        };
        let sealed: Vec<Out> = {
            let (list, txn) = (list(&doc), doc.transact());
            list.iter(&txn).collect()
        };
        assert_eq!(sealed, shown.into_iter().map(Out::from).collect::<Vec<_>>());
        assert_eq!(
            doc.transact().state_vector(),
            board.transact().state_vector()
        );
        // One list, so that is how many structs it has after yrs joined what it would.
        let structs = state(&doc)[1];
        assert!(usize::from(structs) > 1_600 / 129, "{structs} structs");
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
