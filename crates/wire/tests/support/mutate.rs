//! Makes hostile bytes out of honest ones: small changes as a fuzzer makes them, headers with extreme numbers, and well-formed
//! updates that are laborious to read.
//!
//! It does not know what is done with them. The rule: everything comes from the random source, so that a seed makes it again.

use scrible_wire::varint::write_number;

use super::Random;
use super::build;

/// Numbers at the edges of what is allowed, and varints that are longer than they need be or never end.
const NUMBERS: [&[u8]; 8] = [
    &[0x80, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff; 12],
];

/// One or a few changes.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        if bytes.is_empty() {
            bytes.push(0);
        }
        let at = random.below(bytes.len());
        match random.below(9) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            // Small changes get furthest: a count, a clock, a kind.
            2 => bytes[at] = bytes[at].wrapping_add(1),
            3 => bytes[at] = bytes[at].wrapping_sub(1),
            4 => bytes.truncate(at),
            5 => {
                let number = NUMBERS[random.below(NUMBERS.len())];
                drop(bytes.splice(at..at, number.iter().copied()));
            }
            6 => {
                let end = (at + 1 + random.below(8)).min(bytes.len());
                let piece: Vec<u8> = bytes.drain(at..end).collect();
                if random.below(2) == 0 {
                    let to = random.below(bytes.len() + 1);
                    bytes.splice(to..to, piece.iter().copied().chain(piece.iter().copied()));
                }
            }
            7 => {
                let end = (at + 1 + random.below(16)).min(bytes.len());
                for byte in &mut bytes[at..end] {
                    *byte = random.next() as u8;
                }
            }
            _ => {
                bytes.truncate(at);
                if !other.is_empty() {
                    bytes.extend_from_slice(&other[random.below(other.len())..]);
                }
            }
        }
    }
}

/// Nothing but chance.
pub fn noise(random: &mut Random) -> Vec<u8> {
    (0..random.below(64)).map(|_| random.next() as u8).collect()
}

/// A number that is small, or at an edge.
fn extreme(random: &mut Random) -> u64 {
    const EDGES: [u64; 8] = [
        1 << 26,
        (1 << 31) - 1,
        1 << 31,
        (1 << 32) - 1,
        1 << 32,
        (1 << 53) - 1,
        1 << 53,
        127,
    ];
    match random.below(4) {
        0 => EDGES[random.below(EDGES.len())],
        _ => random.below(5) as u64,
    }
}

/// The shape of an update, its counts, clients, clocks and lengths taken from the edges.
pub fn header(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    let lists = extreme(random);
    write_number(&mut out, lists);
    for _ in 0..lists.min(4) {
        let structs = extreme(random);
        for number in [structs, extreme(random), extreme(random)] {
            write_number(&mut out, number);
        }
        for _ in 0..structs.min(3) {
            structure(&mut out, random);
        }
    }
    let clients = extreme(random);
    write_number(&mut out, clients);
    for _ in 0..clients.min(4) {
        let ranges = extreme(random);
        write_number(&mut out, extreme(random));
        write_number(&mut out, ranges);
        for _ in 0..2 * ranges.min(3) {
            write_number(&mut out, extreme(random));
        }
    }
    out
}

fn structure(out: &mut Vec<u8>, random: &mut Random) {
    let kind = random.below(12) as u8;
    let info = kind | [0, 0, 0x20, 0x40, 0x80, 0xc0, 0xe0, 0xa0][random.below(8)];
    out.push(info);
    if kind == 0 || kind == 10 {
        return write_number(out, extreme(random));
    }
    for bit in [0x80, 0x40] {
        if info & bit > 0 {
            write_number(out, extreme(random));
            write_number(out, extreme(random));
        }
    }
    if info & 0xc0 == 0 {
        if random.below(2) == 0 {
            out.extend([1, 1, b't']);
        } else {
            out.push(0);
            write_number(out, extreme(random));
            write_number(out, extreme(random));
        }
        if info & 0x20 > 0 {
            out.extend([1, b'k']);
        }
    }
    match kind {
        1 => write_number(out, extreme(random)),
        4 => out.extend([3, b'a', 0xc3, 0xa9]),
        5 => out.extend([2, b'{', b'}']),
        6 => out.extend([1, b'b', 4, b't', b'r', b'u', b'e']),
        7 => {
            out.push(random.below(8) as u8);
            if random.below(2) == 0 {
                out.extend([1, b'p']);
            }
        }
        8 => {
            let count = extreme(random);
            write_number(out, count);
            for _ in 0..count.min(3) {
                out.push(116 + random.below(12) as u8);
                write_number(out, extreme(random));
            }
        }
        _ => out.extend([2, 7, 7]),
    }
}

/// Well-formed and large, in one of the shapes that are the most work for the number of their bytes. A little more or less than
/// `bytes` long.
pub fn large(bytes: usize, random: &mut Random) -> Vec<u8> {
    let client = |at: usize| 1 + at as u64;
    match random.below(10) {
        // As many clients as possible, one struct each.
        0 => {
            let structs = [build::gc(1)];
            let lists = (0..bytes / 6).map(|at| (client(at), 0, &structs[..]));
            build::update(&lists.collect::<Vec<_>>(), &[])
        }
        // One client, a character a struct.
        1 => {
            let mut structs = vec![build::first("a")];
            structs.extend((1..bytes as u64 / 8).map(|at| build::after((1, at - 1), "b")));
            build::update(&[(1, 0, &structs)], &[])
        }
        // Deletions of what one struct brought, from the last to the first.
        2 => {
            let count = bytes as u64 / 4;
            let ranges: Vec<_> = (0..count).rev().map(|at| (2 * at, 1)).collect();
            build::update(&[(1, 0, &[build::gc(2 * count)])], &[(1, &ranges)])
        }
        // The same in no order.
        3 => {
            let count = (bytes / 4).max(1);
            let mut ranges: Vec<_> = (0..count as u64).map(|at| (2 * at, 1)).collect();
            for at in (1..count).rev() {
                ranges.swap(at, random.below(at + 1));
            }
            build::update(&[(1, 0, &[build::gc(2 * count as u64)])], &[(1, &ranges)])
        }
        // Each list builds on the next one, the last on nothing (or on what never comes).
        4 => {
            let count = bytes / 16;
            let circle = random.below(2);
            let structs: Vec<_> = (0..count)
                .map(|at| match (at + 1 == count, circle) {
                    (true, 0) => [build::first("a")],
                    (true, _) => [build::after((client(0), 0), "a")],
                    _ => [build::after((client(at + 1), 0), "a")],
                })
                .collect();
            let lists = structs.iter().enumerate();
            let lists: Vec<_> = lists.map(|(at, s)| (client(at), 0, &s[..])).collect();
            build::update(&lists, &[])
        }
        // All lists wait for the end of the last one, each for another clock.
        5 => {
            let count = bytes / 24;
            let last = client(count);
            let waiting: Vec<_> = (0..count)
                .map(|at| [build::after((last, (count - at) as u64), "a")])
                .collect();
            let mut end = vec![build::first("a")];
            end.extend((0..count as u64).map(|at| build::after((last, at), "b")));
            let lists = waiting.iter().enumerate();
            let mut lists: Vec<_> = lists.map(|(at, s)| (client(at), 0, &s[..])).collect();
            lists.push((last, 0, &end));
            build::update(&lists, &[])
        }
        // Two lists that build on one another at every struct.
        6 => {
            let count = bytes as u64 / 18;
            let mut ann = vec![build::first("a")];
            ann.extend((1..count).map(|at| build::after((2, at - 1), "a")));
            let bob: Vec<_> = (0..count).map(|at| build::after((1, at), "b")).collect();
            build::update(&[(1, 0, &ann), (2, 0, &bob)], &[])
        }
        // Values in values, as deep as allowed, again and again.
        7 => {
            let value = [[117, 1].repeat(63), vec![117, 0]].concat();
            let count = (bytes / value.len()).max(1);
            let content = [build::numbers(&[count as u64]), value.repeat(count)].concat();
            build::update(
                &[(1, 0, &[build::item(&Default::default(), 8, &content)])],
                &[],
            )
        }
        // Deletions of as many clients as possible, none of whom is there.
        8 => {
            let ranges = (0..bytes / 5).map(|at| (client(at), &[(0, 1)][..]));
            build::update(&[], &ranges.collect::<Vec<_>>())
        }
        // Long text that is cut somewhere where half of it is known.
        _ => {
            let text = "ab😀é".repeat(bytes / 8);
            build::update(&[(1, 0, &[build::first(&text)])], &[])
        }
    }
}

/// A state vector of many clients.
pub fn large_vector(bytes: usize) -> Vec<u8> {
    let count = bytes / 5;
    let mut out = Vec::new();
    write_number(&mut out, count as u64);
    for client in 0..count as u64 {
        write_number(&mut out, client);
        write_number(&mut out, 1 + client % 90);
    }
    out
}
