//! A digest of everything that a doc shows, to tell whether another shows the same.
//!
//! Knows no kinds: keys and sequence of every shared type count, marks and attributes included. The rules: digests are
//! compared only if they come from the same [`Digester`]; and the walk is iterative, as types may nest as deep as bytes do.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use yrs::branch::BranchPtr;
use yrs::types::text::YChange;
use yrs::types::{Attrs, TypeRef};
use yrs::{Any, Number, Out, ReadTxn, Text, TextRef};

use super::roots::{keys, roots, values};

/// The roots of a doc that show anything, by name, each with the digest of what it shows.
pub type Digests = Vec<(Arc<str>, u64)>;

/// Makes digests.
#[derive(Default)]
pub struct Digester(RandomState);

impl Digester {
    /// Of each root that shows anything.
    ///
    /// # Errors
    /// With a sentence when something in it cannot be read.
    pub fn digests(&self, txn: &impl ReadTxn) -> Result<Digests, String> {
        let mut digests = Vec::new();
        for (name, root) in roots(txn) {
            let mut hasher = self.0.build_hasher();
            let mut waiting = VecDeque::from([root]);
            let mut shows = false;
            while let Some(branch) = waiting.pop_front() {
                shows |= Walk {
                    hasher: &mut hasher,
                    waiting: &mut waiting,
                }
                .branch(branch, txn)?;
            }
            if shows {
                digests.push((name, hasher.finish()));
            }
        }
        Ok(digests)
    }
}

/// Goes over one shared type at a time; those in it wait, and are met in the order in which they were found.
struct Walk<'a, H> {
    hasher: &'a mut H,
    waiting: &'a mut VecDeque<BranchPtr>,
}

impl<H: Hasher> Walk<'_, H> {
    /// Whether there was anything in it.
    fn branch(&mut self, branch: BranchPtr, txn: &impl ReadTxn) -> Result<bool, String> {
        branch.type_ref().kind().hash(self.hasher);
        if let TypeRef::XmlElement(tag) = branch.type_ref() {
            tag.hash(self.hasher);
        }
        let keys = keys(&branch, txn);
        keys.len().hash(self.hasher);
        for (key, value) in &keys {
            key.hash(self.hasher);
            self.out(value);
        }
        let pieces = TextRef::from(branch).diff(txn, YChange::identity);
        let is_text = pieces
            .iter()
            .any(|piece| matches!(piece.insert, Out::Any(_)));
        is_text.hash(self.hasher);
        // What a text shows are its pieces only, and its characters one by one would take a hundred times its size.
        let len = if is_text {
            for piece in &pieces {
                self.out(&piece.insert);
                self.attributes(piece.attributes.as_deref());
            }
            pieces.len()
        } else {
            let values = values(&branch, txn)?;
            values.iter().for_each(|value| self.out(value));
            for piece in &pieces {
                self.attributes(piece.attributes.as_deref());
            }
            values.len()
        };
        len.hash(self.hasher);
        Ok(!keys.is_empty() || len > 0)
    }

    fn out(&mut self, out: &Out) {
        match out {
            Out::Any(any) => {
                0u8.hash(self.hasher);
                self.any(any);
            }
            Out::YDoc(doc) => {
                1u8.hash(self.hasher);
                doc.guid().hash(self.hasher);
            }
            shared => {
                2u8.hash(self.hasher);
                self.waiting
                    .extend(shared.try_branch().map(BranchPtr::from));
            }
        }
    }

    fn attributes(&mut self, attributes: Option<&Attrs>) {
        let mut attributes: Vec<_> = attributes.into_iter().flatten().collect();
        attributes.sort_unstable_by_key(|(key, _)| *key);
        attributes.len().hash(self.hasher);
        for (key, value) in attributes {
            key.hash(self.hasher);
            self.any(value);
        }
    }

    /// Recurses as deep as yrs did to read the value.
    fn any(&mut self, any: &Any) {
        std::mem::discriminant(any).hash(self.hasher);
        match any {
            Any::Null | Any::Undefined => {}
            Any::Bool(value) => value.hash(self.hasher),
            // To Yjs 1 and 1.0 are the same, and all NaN are.
            Any::Number(number) => match number.as_f64() {
                Some(value) if value.is_nan() => f64::NAN.to_bits().hash(self.hasher),
                Some(value) => value.to_bits().hash(self.hasher),
                None => match number {
                    Number::Int(value) => value.hash(self.hasher),
                    Number::Float(value) => value.to_bits().hash(self.hasher),
                },
            },
            Any::String(text) => text.hash(self.hasher),
            Any::Buffer(bytes) => bytes.hash(self.hasher),
            Any::Array(values) => {
                values.len().hash(self.hasher);
                values.iter().for_each(|value| self.any(value));
            }
            Any::Map(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                entries.len().hash(self.hasher);
                for (key, value) in entries {
                    key.hash(self.hasher);
                    self.any(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use yrs::{Array, Doc, GetString, Map, MapPrelim, Transact, WriteTxn};

    use super::*;

    fn digests(digester: &Digester, edit: impl FnOnce(&mut yrs::TransactionMut<'_>)) -> Digests {
        let doc = Doc::new();
        edit(&mut doc.transact_mut());
        digester.digests(&doc.transact()).unwrap()
    }

    #[test]
    fn the_same_content_made_in_other_ways_has_the_same_digest() {
        let digester = Digester::default();
        let one = digests(&digester, |txn| {
            let text = txn.get_or_insert_text("t");
            text.insert(txn, 0, "hello world");
            let map = txn.get_or_insert_map("m");
            map.insert(txn, "a", 1.0);
            map.insert(txn, "b", f64::NAN);
        });
        let other = digests(&digester, |txn| {
            let map = txn.get_or_insert_map("m");
            map.insert(txn, "b", -f64::NAN);
            map.insert(txn, "c", 1);
            map.remove(txn, "c");
            map.insert(txn, "a", 1);
            let text = txn.get_or_insert_text("t");
            text.insert(txn, 0, "world");
            text.insert(txn, 0, "hello ");
            assert_eq!(text.get_string(txn), "hello world");
            txn.get_or_insert_array("nothing in it");
        });
        assert_eq!(one, other);
    }

    #[test]
    fn every_difference_shows() {
        let digester = Digester::default();
        let base = |txn: &mut yrs::TransactionMut<'_>| {
            let map = txn.get_or_insert_map("r");
            let inner = map.insert(txn, "k", MapPrelim::from([("x", 1)]));
            (map, inner)
        };
        let text = |txn: &mut yrs::TransactionMut<'_>| {
            let text = txn.get_or_insert_text("r");
            text.insert(txn, 0, "abc");
            text
        };
        let all = [
            digests(&digester, |_| ()),
            digests(&digester, |txn| {
                base(txn);
            }),
            digests(&digester, |txn| {
                let (_, inner) = base(txn);
                inner.insert(txn, "x", 2);
            }),
            digests(&digester, |txn| {
                let (map, _) = base(txn);
                map.insert(txn, "k2", MapPrelim::from([("x", 1)]));
            }),
            digests(&digester, |txn| {
                text(txn);
            }),
            digests(&digester, |txn| {
                let text = text(txn);
                text.format(txn, 1, 1, [("b".into(), true.into())].into());
            }),
            digests(&digester, |txn| {
                let text = text(txn);
                text.format(txn, 1, 2, [("b".into(), true.into())].into());
            }),
            digests(&digester, |txn| {
                let array = txn.get_or_insert_array("r");
                array.push_back(txn, "abc");
            }),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| one != other), "{at}");
        }
    }
}
