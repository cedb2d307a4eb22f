//! Updates put together by hand, byte for byte, so that a test can break any single rule.
//!
//! It checks nothing. The rule: what is written here is exactly what was asked for, sense or nonsense.

use scrible_wire::varint::{write_number, write_var_bytes};

pub const GC: u8 = 0;
pub const DELETED: u8 = 1;
pub const JSON: u8 = 2;
pub const BINARY: u8 = 3;
pub const STRING: u8 = 4;
pub const EMBED: u8 = 5;
pub const FORMAT: u8 = 6;
pub const TYPE: u8 = 7;
pub const ANY: u8 = 8;
pub const DOC: u8 = 9;
pub const SKIP: u8 = 10;

/// A client list: whose, from which clock, which structs.
pub type List<'a> = (u64, u64, &'a [Vec<u8>]);

/// Deletions of a client as (clock, length).
pub type Deletes<'a> = (u64, &'a [(u64, u64)]);

/// A whole update.
pub fn update(lists: &[List<'_>], deletes: &[Deletes<'_>]) -> Vec<u8> {
    let mut out = numbers(&[lists.len() as u64]);
    for (client, clock, structs) in lists {
        out.extend(numbers(&[structs.len() as u64, *client, *clock]));
        out.extend(structs.concat());
    }
    out.extend(numbers(&[deletes.len() as u64]));
    for (client, ranges) in deletes {
        out.extend(numbers(&[*client, ranges.len() as u64]));
        for (clock, len) in *ranges {
            out.extend(numbers(&[*clock, *len]));
        }
    }
    out
}

pub fn numbers(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    for number in numbers {
        write_number(&mut out, *number);
    }
    out
}

pub fn text(text: &str) -> Vec<u8> {
    bytes(text.as_bytes())
}

pub fn bytes(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_var_bytes(&mut out, bytes);
    out
}

/// Where an item stands. The default is directly in the root "t".
#[derive(Default, Clone)]
pub struct Place<'a> {
    pub left: Option<(u64, u64)>,
    pub right: Option<(u64, u64)>,
    pub parent: Option<(u64, u64)>,
    pub key: Option<&'a str>,
}

/// At the place, content of a kind.
pub fn item(place: &Place<'_>, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut info = kind;
    let mut out = vec![0];
    if let Some((client, clock)) = place.left {
        info |= 0x80;
        out.extend(numbers(&[client, clock]));
    }
    if let Some((client, clock)) = place.right {
        info |= 0x40;
        out.extend(numbers(&[client, clock]));
    }
    if info & 0xc0 == 0 {
        match place.parent {
            Some((client, clock)) => out.extend(numbers(&[0, client, clock])),
            None => out.extend([&[1][..], &text("t")].concat()),
        }
    }
    if let Some(key) = place.key {
        info |= 0x20;
        // The key is written only where nothing else implies it.
        if info & 0xc0 == 0 {
            out.extend(text(key));
        }
    }
    out[0] = info;
    out.extend_from_slice(content);
    out
}

pub fn gc(len: u64) -> Vec<u8> {
    [&[GC][..], &numbers(&[len])].concat()
}

pub fn skip(len: u64) -> Vec<u8> {
    [&[SKIP][..], &numbers(&[len])].concat()
}

/// Text at the start of the root "t".
pub fn first(content: &str) -> Vec<u8> {
    item(&Place::default(), STRING, &text(content))
}

/// Text behind an item.
pub fn after(left: (u64, u64), content: &str) -> Vec<u8> {
    let place = Place {
        left: Some(left),
        ..Place::default()
    };
    item(&place, STRING, &text(content))
}

/// Text in a type.
pub fn inside(parent: (u64, u64), content: &str) -> Vec<u8> {
    let place = Place {
        parent: Some(parent),
        ..Place::default()
    };
    item(&place, STRING, &text(content))
}
