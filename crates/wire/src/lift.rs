//! Takes the values out of an update: what is left orders and deletes as before, and tells of each value where it stood.
//!
//! For whoever has to know what a document shows, and unfolds values itself: in yrs a value takes many times its bytes. Does not
//! look into values. The rule: every struct keeps its place and its clocks, so whoever applies what is left comes to the same
//! document, with a place for each value.

use crate::limits::Limits;
use crate::malformed::Malformed;
use crate::scan::{ListFacts, Visit, walk};
use crate::structs::{KIND_BITS, Struct, kind};
use crate::value;
use crate::varint::{Reader, write_number, write_var_bytes};

/// What stood in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifted<'u> {
    /// A value begins here, with others behind it.
    Value(&'u [u8]),
    /// The JSON of an embed.
    Embed(&'u str),
}

/// The update with a whole number in place of each value and each embed, and null in place of bytes that are an item of
/// their own. What a number stands for [`lifted`] tells; no other number is left.
///
/// Counts in `limits` are not applied.
pub fn lift(update: &[u8], limits: &Limits) -> Result<Vec<u8>, Malformed> {
    let limits = limits.without_counts();
    let mut lifting = Lifting {
        update,
        limits: &limits,
        out: Vec::new(),
        copied: 0,
        failed: None,
    };
    walk(update, &limits, &mut lifting)?;
    if let Some(failed) = lifting.failed {
        return Err(failed);
    }
    lifting.copy_to(update.len());
    Ok(lifting.out)
}

/// What a number in a lifted update stands for, with the update that it was lifted from; `None` for a number that lifting
/// did not write.
pub fn lifted(update: &[u8], number: i64) -> Option<Lifted<'_>> {
    if let Ok(at) = usize::try_from(number) {
        return update.get(at..).map(Lifted::Value);
    }
    let at = usize::try_from(!number).ok()?;
    let mut reader = Reader::new(update.get(at..)?);
    reader.var_str().ok().map(Lifted::Embed)
}

const NULL: u8 = 126;
/// A whole number of 8 bytes.
const WHOLE: u8 = 122;

/// An update on its way out of its values.
struct Lifting<'u> {
    update: &'u [u8],
    limits: &'u Limits,
    out: Vec<u8>,
    /// Offset behind what was taken over.
    copied: usize,
    failed: Option<Malformed>,
}

impl Lifting<'_> {
    /// Takes over what stands before an offset.
    fn copy_to(&mut self, at: usize) {
        self.out.extend_from_slice(&self.update[self.copied..at]);
        self.copied = at;
    }

    /// Begins the content of an item, which is to be so many values.
    fn begin_values(&mut self, structure: &Struct, count: u32) {
        self.copy_to(structure.at);
        self.out.push(structure.info & !KIND_BITS | kind::ANY);
        self.copied += 1;
        self.copy_to(structure.content_at);
        write_number(&mut self.out, u64::from(count));
        self.copied = structure.end_at;
    }

    fn number(&mut self, number: i64) {
        self.out.push(WHOLE);
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    fn values(&mut self, structure: &Struct) -> Result<(), Malformed> {
        self.begin_values(structure, structure.len);
        let mut reader = Reader::again(self.update, structure.content_at);
        reader.number()?;
        self.number(reader.at() as i64);
        for _ in 1..structure.len {
            value::step(&mut reader, self.limits.value_depth)?;
            self.number(reader.at() as i64);
        }
        Ok(())
    }
}

impl Visit for Lifting<'_> {
    #[inline]
    fn structure(&mut self, _client: u64, structure: &Struct) {
        match structure.kind() {
            kind::ANY => {
                if let Err(e) = self.values(structure) {
                    self.failed.get_or_insert(e);
                }
            }
            kind::EMBED => {
                self.copy_to(structure.content_at);
                let number = !(structure.content_at as i64);
                write_var_bytes(&mut self.out, number.to_string().as_bytes());
                self.copied = structure.end_at;
            }
            kind::BINARY => {
                self.begin_values(structure, 1);
                self.out.push(NULL);
            }
            _ => {}
        }
    }

    fn list(&mut self, _list: &ListFacts) {}

    fn deleted(&mut self, _client: u64, _start: u32, _end: u32) {}
}
