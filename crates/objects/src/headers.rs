//! What a browser is told of an object beside its bytes: its type, and whether to show or to save it.
//!
//! The rule: whatever is in here can stand in a header as it is.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::ObjectError;

/// Of either header, in bytes.
const MAX_HEADER: usize = 1024;
/// Of a file name that is offered, in bytes; what every file system takes, also after `(1)` was added.
const MAX_FILE_NAME: usize = 200;
/// What RFC 8187 lets stand in `filename*` without an escape.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The value of a Content-Type header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentType(String);

impl ContentType {
    /// Of bytes that nobody said anything of.
    pub fn unknown() -> Self {
        Self("application/octet-stream".to_owned())
    }

    /// As in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ContentType {
    type Error = ObjectError;

    fn try_from(text: String) -> Result<Self, ObjectError> {
        let is_type = text.split_once('/').is_some_and(|(kind, rest)| {
            !kind.is_empty() && !rest.is_empty() && !kind.contains(' ') && !rest.starts_with(' ')
        });
        if !is_type || !is_header(&text) {
            return Err(ObjectError::Invalid(format!(
                "{text:?} is not a content type"
            )));
        }
        Ok(Self(text))
    }
}

impl TryFrom<&str> for ContentType {
    type Error = ObjectError;

    fn try_from(text: &str) -> Result<Self, ObjectError> {
        text.to_owned().try_into()
    }
}

impl From<ContentType> for String {
    fn from(value: ContentType) -> Self {
        value.0
    }
}

/// The value of a Content-Disposition header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Disposition(String);

impl Disposition {
    /// Shown in place, and saved under this name if somebody does.
    pub fn inline(file_name: &str) -> Self {
        Self::named("inline", file_name)
    }

    /// Saved under this name.
    pub fn attachment(file_name: &str) -> Self {
        Self::named("attachment", file_name)
    }

    /// As in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As RFC 6266 wants it: a plain name for everybody, and the real one where that lost something.
    fn named(kind: &str, file_name: &str) -> Self {
        let name: String = file_name.chars().filter(|c| !c.is_control()).collect();
        let name = name[..name.floor_char_boundary(MAX_FILE_NAME)].trim();
        if name.is_empty() {
            return Self(kind.to_owned());
        }
        let is_plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !"\"\\%/".contains(c);
        let plain: String = name
            .chars()
            .map(|c| if is_plain(c) { c } else { '_' })
            .collect();
        if plain == name {
            return Self(format!("{kind}; filename=\"{plain}\""));
        }
        let whole = utf8_percent_encode(name, ESCAPED);
        Self(format!(
            "{kind}; filename=\"{plain}\"; filename*=UTF-8''{whole}"
        ))
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Disposition {
    type Error = ObjectError;

    fn try_from(text: String) -> Result<Self, ObjectError> {
        let kind = text.split(';').next().unwrap_or_default().trim();
        if !["inline", "attachment"].contains(&kind) || !is_header(&text) {
            return Err(ObjectError::Invalid(format!(
                "{text:?} is not a content disposition"
            )));
        }
        Ok(Self(text))
    }
}

impl From<Disposition> for String {
    fn from(value: Disposition) -> Self {
        value.0
    }
}

fn is_header(text: &str) -> bool {
    text.len() <= MAX_HEADER && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_stands_alone_and_others_come_twice() {
        let of = |name| Disposition::attachment(name).to_string();
        assert_eq!(of("board.png"), "attachment; filename=\"board.png\"");
        assert_eq!(of("a b.svg"), "attachment; filename=\"a b.svg\"");
        assert_eq!(
            of("Tafel ä/ö.pdf"),
            "attachment; filename=\"Tafel ___.pdf\"; filename*=UTF-8''Tafel%20%C3%A4%2F%C3%B6.pdf"
        );
        assert_eq!(Disposition::inline("x").as_str(), "inline; filename=\"x\"");
        assert_eq!(of(" \r\n"), "attachment");
    }

    #[test]
    fn no_name_breaks_out_of_its_header() {
        let long = "ü".repeat(5_000);
        for name in [
            "\"; filename=evil",
            "a\r\nSet-Cookie: x",
            "\\\"",
            "a\0b",
            &long,
        ] {
            let disposition = Disposition::attachment(name);
            let text = disposition.as_str();
            assert!(is_header(text), "{text:?}");
            let plain = text.split('"').nth(1).unwrap();
            assert!(!plain.contains('\\'), "{text:?}");
            let quotes = text.matches('"').count();
            assert_eq!(quotes, 2, "{text:?}");
            assert_eq!(Disposition::try_from(text.to_owned()).unwrap(), disposition);
        }
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_refused() {
        for bad in ["", "png", "/", "image/", "image/png\r\nX: y", "image/ä"] {
            assert!(ContentType::try_from(bad).is_err(), "{bad:?}");
        }
        let html = ContentType::try_from("text/html; charset=utf-8").unwrap();
        assert_eq!(html.as_str(), "text/html; charset=utf-8");
        for bad in [
            "",
            "form-data; name=x",
            "inline\n",
            "attachment; filename=\"ä\"",
        ] {
            assert!(Disposition::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
