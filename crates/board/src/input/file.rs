//! JSON of a whole file.
//!
//! Knows JSON, not boards. The rule: nesting too deep for the parser costs the value that is nested, not the file.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::value::{Object, Value};

/// Levels above a value that may be given up: file, document, store, record, props.
const LEVELS: usize = 5;

/// Reads a file. In place of a value that is nested too deeply stands `false`, which is no record, no text and no list, so
/// that whoever looks for one there notes it.
pub(super) fn parse(text: &[u8]) -> Result<Value<'_>, serde_json::Error> {
    serde_json::from_slice(text).or_else(|error| {
        // Skipping over raw values needs no depth, so this fails only where the text is no JSON.
        let whole: &RawValue = serde_json::from_slice(text)?;
        let pruned = pruned(whole, LEVELS);
        if pruned.as_object().is_some() {
            Ok(pruned)
        } else {
            Err(error)
        }
    })
}

fn pruned(raw: &RawValue, levels: usize) -> Value<'_> {
    if let Ok(value) = serde_json::from_str(raw.get()) {
        return value;
    }
    let Some(below) = levels.checked_sub(1) else {
        return Value::Bool(false);
    };
    if let Ok(entries) = serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()) {
        let entries = entries
            .into_iter()
            .map(|(key, raw)| (key.into(), pruned(raw, below)));
        return Value::Object(Object::of_different(entries.collect()));
    }
    match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
        Ok(list) => Value::List(list.into_iter().map(|raw| pruned(raw, below)).collect()),
        Err(_) => Value::Bool(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_nested_too_deeply_is_given_up_alone() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let text = format!(
            r#"{{"records": [{{"a": 1, "props": {{"richText": {deep}, "w": 2}}}}, {{"b": 3}}]}}"#
        );
        let value = parse(text.as_bytes()).unwrap();
        let record = json!({"a": 1, "props": {"richText": [false], "w": 2}});
        assert_eq!(value.to_serde(), json!({"records": [record, {"b": 3}]}));
        assert!(parse(format!(r#"{{"records": {deep}"#).as_bytes()).is_err());
        assert!(parse(b"{\"a\": 1").is_err());
    }
}
