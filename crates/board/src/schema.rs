//! In which versions records are written: what a document says of itself, and what this crate brings them to.
//!
//! Knows numbers, not what changed between them. The rule: without a schema nothing is taken for old; then only a record's
//! own form counts.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// The newest numbers that are known. Records are brought to these.
const CURRENT: [(&str, u64); 28] = [
    ("com.tldraw.store", 5),
    ("com.tldraw.asset", 1),
    ("com.tldraw.camera", 1),
    ("com.tldraw.document", 2),
    ("com.tldraw.instance", 26),
    ("com.tldraw.instance_page_state", 5),
    ("com.tldraw.page", 1),
    ("com.tldraw.instance_presence", 6),
    ("com.tldraw.pointer", 1),
    ("com.tldraw.shape", 4),
    ("com.tldraw.user", 1),
    ("com.tldraw.asset.image", 6),
    ("com.tldraw.asset.video", 5),
    ("com.tldraw.asset.bookmark", 2),
    ("com.tldraw.shape.arrow", 8),
    ("com.tldraw.shape.bookmark", 2),
    ("com.tldraw.shape.draw", 5),
    ("com.tldraw.shape.embed", 4),
    ("com.tldraw.shape.frame", 1),
    ("com.tldraw.shape.geo", 12),
    ("com.tldraw.shape.group", 0),
    ("com.tldraw.shape.highlight", 4),
    ("com.tldraw.shape.image", 5),
    ("com.tldraw.shape.line", 5),
    ("com.tldraw.shape.note", 13),
    ("com.tldraw.shape.text", 4),
    ("com.tldraw.shape.video", 4),
    ("com.tldraw.binding.arrow", 1),
];

/// The store's version before keys of the order that end in 0 were written anew.
const BEFORE_KEYS: u64 = 4;

/// Names of sequences that are taken up at most. An editor has some thirty.
const MOST_SEQUENCES: usize = 1_000;

/// The versions that a document says its records are in.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Versions {
    /// By the sequence's name; empty without a schema.
    sequences: HashMap<String, u64>,
}

/// How the keys of the order stand in the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// As a current editor wants them.
    Current,
    /// Some end in 0, so that an editor has to write them anew.
    Old,
}

impl Versions {
    /// Out of either form of a schema. What is none gives none.
    pub(crate) fn of(schema: Option<&Value>) -> Self {
        let mut sequences = HashMap::new();
        let Some(schema) = schema else {
            return Self { sequences };
        };
        if let Some(named) = schema.get("sequences").and_then(Value::as_object) {
            for (name, version) in named.iter().take(MOST_SEQUENCES) {
                if let Some(version) = version.as_u64() {
                    sequences.insert(name.clone(), version);
                }
            }
        } else if let Some(records) = schema.get("recordVersions").and_then(Value::as_object) {
            if let Some(version) = schema.get("storeVersion").and_then(Value::as_u64) {
                sequences.insert("com.tldraw.store".to_owned(), version);
            }
            for (kind, versions) in records.iter().take(MOST_SEQUENCES) {
                if let Some(version) = versions.get("version").and_then(Value::as_u64) {
                    sequences.insert(format!("com.tldraw.{kind}"), version);
                }
                let types = versions.get("subTypeVersions").and_then(Value::as_object);
                for (name, version) in types.into_iter().flatten().take(MOST_SEQUENCES) {
                    if let Some(version) = version.as_u64() {
                        sequences.insert(format!("com.tldraw.{kind}.{name}"), version);
                    }
                }
            }
        }
        Self { sequences }
    }

    /// Whether the document says that it is older than this. A sequence that a schema does not name is as old as can be.
    pub(crate) fn below(&self, sequence: &str, version: u64) -> bool {
        !self.sequences.is_empty() && self.sequences.get(sequence).is_none_or(|is| *is < version)
    }

    /// Whether the document has a schema.
    pub(crate) fn known(&self) -> bool {
        !self.sequences.is_empty()
    }

    /// Sequences of the editor that are newer than this reader: name, found, known; by name.
    pub(crate) fn newer(&self) -> Vec<(&str, u64, u64)> {
        let mut newer: Vec<_> = CURRENT
            .iter()
            .filter_map(|(name, known)| {
                let found = *self.sequences.get(*name)?;
                (found > *known).then_some((*name, found, *known))
            })
            .collect();
        newer.sort_unstable();
        newer
    }

    /// The schema of records that were brought up to date: the newest numbers known, and the document's own where they are
    /// newer or of its own sequences.
    pub(crate) fn brought_up(&self, keys: Keys) -> Value {
        let mut sequences = Map::new();
        for (name, known) in CURRENT {
            let found = self.sequences.get(name).copied().unwrap_or_default();
            sequences.insert(name.to_owned(), json!(found.max(known)));
        }
        if keys == Keys::Old {
            sequences.insert("com.tldraw.store".to_owned(), json!(BEFORE_KEYS));
        }
        let mut own: Vec<_> = self
            .sequences
            .iter()
            .filter(|(name, _)| !sequences.contains_key(*name))
            .collect();
        own.retain(|(name, _)| !RETIRED.contains(&name.as_str()));
        own.sort();
        let own: Vec<_> = own
            .into_iter()
            .map(|(name, version)| (name.clone(), json!(version)))
            .collect();
        sequences.extend(own);
        json!({ "schemaVersion": 2, "sequences": sequences })
    }
}

/// Kinds that editors have no longer, so that a schema with them would be refused.
const RETIRED: [&str; 4] = [
    "com.tldraw.shape.icon",
    "com.tldraw.shape.code",
    "com.tldraw.user_document",
    "com.tldraw.user_presence",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_schema_are_read() {
        let first = json!({
            "schemaVersion": 1, "storeVersion": 4,
            "recordVersions": {"shape": {"version": 3, "subTypeKey": "type", "subTypeVersions": {"geo": 7}}},
        });
        let second = json!({"schemaVersion": 2, "sequences": {
            "com.tldraw.store": 4, "com.tldraw.shape": 3, "com.tldraw.shape.geo": 7,
        }});
        assert_eq!(Versions::of(Some(&first)), Versions::of(Some(&second)));
        let versions = Versions::of(Some(&first));
        assert!(versions.below("com.tldraw.shape.geo", 8));
        assert!(!versions.below("com.tldraw.shape.geo", 7));
        assert!(versions.below("com.tldraw.user", 1));
    }

    #[test]
    fn without_a_schema_nothing_is_old() {
        for schema in [None, Some(json!("x")), Some(json!({"sequences": 1}))] {
            let versions = Versions::of(schema.as_ref());
            assert!(!versions.known() && !versions.below("com.tldraw.shape.geo", 99));
        }
    }

    #[test]
    fn a_newer_editor_and_own_shapes_keep_their_numbers() {
        let versions = Versions::of(Some(&json!({"schemaVersion": 2, "sequences": {
            "com.tldraw.shape.geo": 99, "com.tldraw.shape.text": 1, "com.example.shape.card": 3,
        }})));
        assert_eq!(versions.newer(), [("com.tldraw.shape.geo", 99, 12)]);
        let schema = versions.brought_up(Keys::Current);
        let sequences = &schema["sequences"];
        assert_eq!(sequences["com.tldraw.shape.geo"], 99);
        assert_eq!(sequences["com.tldraw.shape.text"], 4);
        assert_eq!(sequences["com.example.shape.card"], 3);
        assert_eq!(
            versions.brought_up(Keys::Old)["sequences"]["com.tldraw.store"],
            4
        );
    }
}
