//! What a shared type shows, and of what kind a root is: the bytes of a doc name its roots but don't say their types.
//!
//! Does not know what is made of it. The rules: sequences are read through [`values`] only, never through yrs' own
//! iterators, which stop at a length that may be wrong and never end in an array that holds text beyond the basic plane;
//! and a doc is opened with [`OPTIONS_OFFSETS`], because these rules count in UTF-16.

use std::sync::Arc;

use yrs::branch::{Branch, BranchPtr};
use yrs::types::text::YChange;
use yrs::{Any, Array, ArrayRef, Map, MapRef, OffsetKind, Out, ReadTxn, Text, TextRef};

/// Yjs counts in UTF-16; yrs does so only when it is asked to.
pub const OPTIONS_OFFSETS: OffsetKind = OffsetKind::Utf16;

/// The type that a root has in an editor that Yjs' own rules allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `Y.Map`.
    Map,
    /// `Y.Array`.
    Array,
    /// `Y.Text`.
    Text,
    /// `Y.XmlFragment`.
    Xml,
}

/// What of a shared type is in use. Nothing at all where nothing is visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// It has entries under keys: a map's, or the attributes of XML and text.
    pub has_keys: bool,
    /// It has a sequence, of this kind; never [`Kind::Map`].
    pub sequence: Option<Kind>,
}

impl Shape {
    /// The one kind that explains what there is. Where there are keys and a sequence none does; the sequence then
    /// decides unless it is an array, because text and XML may have keys (attributes) and arrays may not.
    pub fn kind(self) -> Option<Kind> {
        match (self.has_keys, self.sequence) {
            (true, None | Some(Kind::Array)) => Some(Kind::Map),
            (_, sequence) => sequence,
        }
    }
}

/// All roots of a doc by name, in the order of their names; also those that show nothing.
pub fn roots(txn: &impl ReadTxn) -> Vec<(Arc<str>, BranchPtr)> {
    let mut roots: Vec<(Arc<str>, BranchPtr)> = txn
        .root_refs()
        .filter_map(|(name, root)| Some((name.into(), BranchPtr::from(root.try_branch()?))))
        .collect();
    roots.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    roots
}

/// Tells the shape of a root from its visible content.
///
/// Any text or embed makes a sequence a text. Without one, XML elements and texts at the head make it a fragment.
pub fn shape(root: &Branch, txn: &impl ReadTxn) -> Result<Shape, String> {
    let pieces = TextRef::from(BranchPtr::from(root)).diff(txn, YChange::identity);
    let is_text = |piece: &Out| matches!(piece, Out::Any(_));
    let sequence = if pieces.iter().any(|piece| is_text(&piece.insert)) {
        Some(Kind::Text)
    } else {
        match values(root, txn)?.first() {
            None => None,
            Some(Out::YXmlElement(_) | Out::YXmlText(_)) => Some(Kind::Xml),
            Some(_) => Some(Kind::Array),
        }
    };
    Ok(Shape {
        has_keys: MapRef::from(BranchPtr::from(root))
            .keys(txn)
            .next()
            .is_some(),
        sequence,
    })
}

/// The visible entries under keys, in the order of their keys.
pub fn keys(of: &Branch, txn: &impl ReadTxn) -> Vec<(Arc<str>, Out)> {
    let map = MapRef::from(BranchPtr::from(of));
    // Not `into_iter`, which also yields what was deleted.
    let mut entries: Vec<_> = map
        .iter(txn)
        .map(|(key, value)| (key.into(), value))
        .collect();
    entries.sort_unstable_by(|(a, _): &(Arc<str>, Out), (b, _)| a.cmp(b));
    entries
}

/// The visible elements of an array or of an XML fragment or element, in order. Characters count as elements, as in Yjs.
///
/// Puts the length right that yrs keeps beside the sequence, so that edits by index find their place afterwards.
///
/// # Errors
/// With a sentence when it holds text beyond the basic plane, which no editor puts there and which yrs would read for ever.
pub fn values(of: &Branch, txn: &impl ReadTxn) -> Result<Vec<Out>, String> {
    let mut branch = BranchPtr::from(of);
    let pieces = TextRef::from(branch).diff(txn, YChange::identity);
    let unreadable = |piece: &Out| match piece {
        Out::Any(Any::String(text)) => text.chars().any(|c| c.len_utf16() > 1),
        _ => false,
    };
    if pieces.iter().any(|piece| unreadable(&piece.insert)) {
        return Err(
            "a list that is no text holds text with characters beyond the basic plane".to_owned(),
        );
    }
    // The length is an upper bound to yrs' iterator, which otherwise ends with the items.
    branch.content_len = u32::MAX;
    let values: Vec<Out> = ArrayRef::from(branch).iter(txn).collect();
    let len = u32::try_from(values.len()).unwrap_or(u32::MAX);
    branch.content_len = len;
    branch.block_len = len;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use yrs::updates::decoder::Decode;
    use yrs::{
        Doc, Options, Transact, Update, WriteTxn, XmlElementPrelim, XmlFragment, XmlTextPrelim,
    };

    use super::*;

    fn doc() -> Doc {
        Doc::with_options(Options {
            offset_kind: OPTIONS_OFFSETS,
            ..Options::default()
        })
    }

    /// The same doc as somebody sees it who never named a root.
    fn unnamed(doc: &Doc) -> Doc {
        let bytes = doc
            .transact()
            .encode_state_as_update_v1(&Default::default());
        let other = self::doc();
        let update = Update::decode_v1(&bytes).unwrap();
        other.transact_mut().apply_update(update).unwrap();
        other
    }

    fn kinds(doc: &Doc) -> Vec<(String, Option<Kind>)> {
        let doc = unnamed(doc);
        let txn = doc.transact();
        let kind = |(name, root): (Arc<str>, BranchPtr)| {
            (name.to_string(), shape(&root, &txn).unwrap().kind())
        };
        roots(&txn).into_iter().map(kind).collect()
    }

    #[test]
    fn kinds_are_told_from_content() {
        let doc = doc();
        {
            let mut txn = doc.transact_mut();
            let map = txn.get_or_insert_map("map");
            map.insert(&mut txn, "k", 1);
            let array = txn.get_or_insert_array("array");
            array.push_back(&mut txn, 1);
            let text = txn.get_or_insert_text("text");
            text.insert(&mut txn, 0, "a\u{1F600}b");
            let embed = txn.get_or_insert_text("embed");
            embed.insert_embed(&mut txn, 0, Any::Bool(true));
            let xml = txn.get_or_insert_xml_fragment("xml");
            xml.push_back(&mut txn, XmlElementPrelim::empty("p"));
            let gone = txn.get_or_insert_array("gone");
            gone.push_back(&mut txn, 1);
            gone.remove(&mut txn, 0);
        }
        let expected = [
            ("array", Some(Kind::Array)),
            ("embed", Some(Kind::Text)),
            ("gone", None),
            ("map", Some(Kind::Map)),
            ("text", Some(Kind::Text)),
            ("xml", Some(Kind::Xml)),
        ]
        .map(|(name, kind)| (name.to_owned(), kind));
        assert_eq!(kinds(&doc), expected);
    }

    #[test]
    fn keys_beside_text_or_xml_are_attributes_and_beside_an_array_a_map() {
        let doc = doc();
        {
            let mut txn = doc.transact_mut();
            for name in ["array", "text", "xml"] {
                let map = txn.get_or_insert_map(name);
                map.insert(&mut txn, "k", 1);
            }
            let array: ArrayRef = BranchPtr::from(txn.get_map("array").unwrap().as_ref()).into();
            array.push_back(&mut txn, 1);
            let text: TextRef = BranchPtr::from(txn.get_map("text").unwrap().as_ref()).into();
            text.insert(&mut txn, 0, "t");
            let xml: yrs::XmlFragmentRef =
                BranchPtr::from(txn.get_map("xml").unwrap().as_ref()).into();
            xml.push_back(&mut txn, XmlTextPrelim::new("t"));
        }
        let expected = [
            ("array", Kind::Map),
            ("text", Kind::Text),
            ("xml", Kind::Xml),
        ]
        .map(|(name, kind)| (name.to_owned(), Some(kind)));
        assert_eq!(kinds(&doc), expected);
    }

    #[test]
    fn keys_are_sorted_and_deleted_ones_are_none() {
        let doc = doc();
        let map = doc.get_or_insert_map("m");
        let mut txn = doc.transact_mut();
        for key in ["b", "c", "a"] {
            map.insert(&mut txn, key, 1);
        }
        map.remove(&mut txn, "c");
        let names: Vec<_> = keys(map.as_ref(), &txn)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(names, ["a", "b"].map(Arc::<str>::from));
    }

    #[test]
    fn a_wrong_length_hides_nothing_and_is_put_right() {
        let doc = doc();
        let array = doc.get_or_insert_array("a");
        {
            let mut txn = doc.transact_mut();
            for n in 0..5 {
                array.push_back(&mut txn, n);
            }
            array.remove(&mut txn, 2);
        }
        let txn = doc.transact();
        for wrong in [0, 2, u32::MAX - 1] {
            let mut branch = BranchPtr::from(array.as_ref());
            branch.content_len = wrong;
            assert_eq!(values(&branch, &txn).unwrap(), [0, 1, 3, 4].map(Out::from));
            assert_eq!(branch.content_len, 4);
        }
    }

    #[test]
    fn text_that_yrs_would_read_for_ever_is_refused() {
        let doc = doc();
        let text = doc.get_or_insert_text("t");
        text.insert(&mut doc.transact_mut(), 0, "ab");
        assert_eq!(values(text.as_ref(), &doc.transact()).unwrap().len(), 2);
        text.insert(&mut doc.transact_mut(), 0, "\u{1F600}");
        assert!(values(text.as_ref(), &doc.transact()).is_err());
    }
}
