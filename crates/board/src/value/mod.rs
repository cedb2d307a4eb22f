//! A value of a record, as JSON has them. Texts and keys stay where they stand in the document wherever they can.
//!
//! Knows JSON, not what records hold. The rules: a number is finite, a key stands once in an object, and objects keep their
//! order, which is that of the bytes for JSON and that of the keys for what Yjs keeps, since Yjs keeps none.

mod json;
pub(crate) mod update;

use std::borrow::Cow;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'d> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'d, str>),
    List(Vec<Self>),
    Object(Object<'d>),
}

/// A number as JSON tells them apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// Without a fraction.
    Whole(i64),
    /// Without a fraction and above all others.
    Large(u64),
    /// With a fraction or an exponent.
    Float(f64),
}

/// Fields in order. Records have few, so a list is searched faster than a table is built.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Object<'d> {
    fields: Vec<(Cow<'d, str>, Value<'d>)>,
}

/// A record is larger or deeper than is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// The bytes that are left of what one record may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget(pub(crate) usize);

impl Budget {
    /// Takes the bytes of a value, and two for what stands around it.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.0 = self.0.checked_sub(bytes + 2).ok_or(TooLarge)?;
        Ok(())
    }
}

impl<'d> Value<'d> {
    /// A number as a browser writes it: without a fraction where there is none, and null for what JSON has no number for.
    pub(crate) fn float(number: f64) -> Self {
        if number.fract() == 0.0 && number.abs() < MOST_WHOLE {
            return Self::Number(Number::Whole(number as i64));
        }
        match number.is_finite() {
            true => Self::Number(Number::Float(number)),
            false => Self::Null,
        }
    }

    /// The field of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text that outlives the value where it stands in the document.
    pub(crate) fn to_text(&self) -> Option<Cow<'d, str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(Number::Whole(number)) => Some(*number as f64),
            Self::Number(Number::Large(number)) => Some(*number as f64),
            Self::Number(Number::Float(number)) => Some(*number),
            _ => None,
        }
    }

    /// A number without a fraction; `None` for one that is above all `i64`.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(Number::Whole(number)) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn as_list_mut(&mut self) -> Option<&mut Vec<Self>> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Object<'d>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(crate) fn as_object_mut(&mut self) -> Option<&mut Object<'d>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// The same with texts of its own.
    pub(crate) fn into_owned<'o>(self) -> Value<'o> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(own(text)),
            Self::List(list) => Value::List(list.into_iter().map(Value::into_owned).collect()),
            Self::Object(object) => {
                let fields = object.fields.into_iter();
                let fields = fields.map(|(key, value)| (own(key), value.into_owned()));
                Value::Object(Object::of_different(fields.collect()))
            }
        }
    }

    /// Holds a value that was read from JSON to what a record may take.
    pub(crate) fn within(&self, budget: &mut Budget, nesting: usize) -> Result<(), TooLarge> {
        let inner = || nesting.checked_sub(1).ok_or(TooLarge);
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => budget.take(0),
            Self::Text(text) => budget.take(text.len()),
            Self::List(list) => {
                budget.take(0)?;
                let inner = inner()?;
                list.iter()
                    .try_for_each(|value| value.within(budget, inner))
            }
            Self::Object(object) => {
                budget.take(0)?;
                let inner = inner()?;
                object.iter().try_for_each(|(key, value)| {
                    budget.take(key.len())?;
                    value.within(budget, inner)
                })
            }
        }
    }
}

impl<'d> Object<'d> {
    /// Fields whose keys are known to differ.
    pub(crate) fn of_different(fields: Vec<(Cow<'d, str>, Value<'d>)>) -> Self {
        Self { fields }
    }

    /// Fields in the order of their keys; of equal keys the last counts.
    pub(crate) fn sorted(mut fields: Vec<(Cow<'d, str>, Value<'d>)>) -> Self {
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        fields.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                std::mem::swap(next, kept);
            }
            same
        });
        Self { fields }
    }

    /// Fields as they stand in JSON: a key that stands again has its first place and its last value.
    pub(crate) fn listed(mut fields: Vec<(Cow<'d, str>, Value<'d>)>) -> Self {
        let mut order: Vec<usize> = (0..fields.len()).collect();
        order.sort_by(|one, other| fields[*one].0.cmp(&fields[*other].0));
        let (mut moved, mut again) = (Vec::new(), Vec::new());
        for same in order.chunk_by(|one, other| fields[*one].0 == fields[*other].0) {
            if let [first, .., last] = *same {
                again.extend_from_slice(&same[1..]);
                moved.push((first, last));
            }
        }
        for (first, last) in moved {
            fields.swap(first, last);
        }
        if !again.is_empty() {
            again.sort_unstable();
            let mut at = 0;
            fields.retain(|_| {
                at += 1;
                again.binary_search(&(at - 1)).is_err()
            });
        }
        Self { fields }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value<'d>> {
        let field = self.fields.iter().find(|(name, _)| name == key);
        field.map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Value<'d>> {
        let field = self.fields.iter_mut().find(|(name, _)| name == key);
        field.map(|(_, value)| value)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Puts a field in its place, or at the end.
    pub(crate) fn insert(&mut self, key: &'static str, value: Value<'d>) {
        match self.get_mut(key) {
            Some(old) => *old = value,
            None => self.fields.push((Cow::Borrowed(key), value)),
        }
    }

    /// Takes a field out; the others keep their order.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Value<'d>> {
        let at = self.fields.iter().position(|(name, _)| name == key)?;
        Some(self.fields.remove(at).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value<'d>)> {
        self.fields.iter().map(|(key, value)| (&**key, value))
    }

    pub(crate) fn into_fields(self) -> Vec<(Cow<'d, str>, Value<'d>)> {
        self.fields
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }
}

impl From<bool> for Value<'_> {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(Number::Whole(number))
    }
}

impl<'d> From<&'d str> for Value<'d> {
    fn from(text: &'d str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'d, const N: usize> From<[(&'static str, Value<'d>); N]> for Value<'d> {
    /// An object; the keys must differ.
    fn from(fields: [(&'static str, Value<'d>); N]) -> Self {
        let fields = fields.map(|(key, value)| (Cow::Borrowed(key), value));
        Self::Object(Object::of_different(fields.into()))
    }
}

/// 2^53: below it every whole number is exact in both kinds.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(keys: &str) -> Vec<(Cow<'static, str>, Value<'static>)> {
        let field = |(at, key): (usize, char)| (key.to_string().into(), Value::from(at as i64));
        keys.chars().enumerate().map(field).collect()
    }

    fn shown(object: &Object<'_>) -> String {
        let field = |(key, value): (&str, &Value<'_>)| format!("{key}{}", value.as_i64().unwrap());
        object.iter().map(field).collect()
    }

    #[test]
    fn of_equal_keys_the_last_counts() {
        assert_eq!(shown(&Object::listed(fields("baab"))), "b3a2");
        assert_eq!(shown(&Object::listed(fields("bcabdb"))), "b5c1a2d4");
        assert_eq!(shown(&Object::listed(fields("ba"))), "b0a1");
        assert_eq!(shown(&Object::sorted(fields("bcabdb"))), "a2b5c1d4");
    }

    #[test]
    fn fields_keep_their_order() {
        let mut object = Object::listed(fields("dabc"));
        object.insert("a", Value::from(9));
        object.insert("e", Value::from(8));
        assert_eq!(object.remove("d"), Some(Value::from(0)));
        assert_eq!(object.remove("d"), None);
        assert_eq!(shown(&object), "a9b2c3e8");
    }
}
