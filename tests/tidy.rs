//! Keeps the house in order: who may import what, and that SPEC.md and the tests speak of the same rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A folder or file, and the crates and modules that nothing in it may name.
const MAY_NOT_IMPORT: &[(&str, &[&str])] = &[
    (
        "exporter/src",
        &["tokio", "hyper", "warp", "sqlx", "yrs", "scrible_store"],
    ),
    (
        "crates/board/src",
        &["tokio", "hyper", "warp", "sqlx", "scrible_store"],
    ),
    (
        "crates/wire/src",
        &["tokio", "hyper", "warp", "yrs", "sqlx", "scrible_store"],
    ),
    (
        "crates/store/src",
        &["warp", "hyper", "yrs", "scrible_wire"],
    ),
    (
        "crates/objects/src",
        &[
            "yrs",
            "sqlx",
            "warp",
            "hyper",
            "scrible_wire",
            "scrible_store",
            "scrible_board",
        ],
    ),
    (
        "src/room",
        &[
            "yrs",
            "scrible_store",
            "sqlx",
            "warp",
            "hyper",
            "tungstenite",
            "crate::socket",
            "crate::session",
        ],
    ),
    (
        "src/journal.rs",
        &[
            "yrs",
            "scrible_wire",
            "warp",
            "hyper",
            "crate::session",
            "crate::socket",
        ],
    ),
    (
        "src/follow.rs",
        &[
            "yrs",
            "scrible_wire",
            "warp",
            "hyper",
            "crate::session",
            "crate::socket",
        ],
    ),
    (
        "src/bus",
        &[
            "yrs",
            "sqlx",
            "scrible_store",
            "warp",
            "hyper",
            "crate::session",
            "crate::socket",
            "crate::journal",
        ],
    ),
    (
        "src/guard.rs",
        &[
            "yrs",
            "scrible_wire",
            "warp",
            "hyper",
            "crate::session",
            "crate::socket",
        ],
    ),
    (
        "src/dead_letters.rs",
        &[
            "yrs",
            "scrible_wire",
            "warp",
            "hyper",
            "crate::session",
            "crate::socket",
        ],
    ),
    (
        "src/stays.rs",
        &[
            "yrs",
            "scrible_wire",
            "warp",
            "hyper",
            "crate::session",
            "crate::socket",
        ],
    ),
    (
        "src/session",
        &["yrs", "scrible_store", "warp", "hyper", "crate::journal"],
    ),
    (
        "src/socket",
        &["yrs", "scrible_store", "crate::journal", "crate::room::log"],
    ),
    (
        "src/rest",
        &[
            "yrs",
            "sqlx",
            "scrible_wire",
            "tungstenite",
            "crate::session",
        ],
    ),
    (
        "src/service",
        &[
            "warp",
            "hyper",
            "tungstenite",
            "crate::socket",
            "crate::session",
            "crate::rest",
        ],
    ),
    (
        "src/doc_worker",
        &[
            "scrible_store",
            "sqlx",
            "warp",
            "hyper",
            "tungstenite",
            "crate::room",
            "crate::journal",
            "crate::session",
            "crate::socket",
            "crate::rest",
        ],
    ),
    (
        "src/exporting",
        &[
            "yrs",
            "sqlx",
            "warp",
            "hyper",
            "tungstenite",
            "crate::room",
            "crate::journal",
            "crate::session",
            "crate::socket",
            "crate::rest",
            "crate::service",
            "crate::access",
        ],
    ),
    (
        "src/export_node.rs",
        &[
            "yrs",
            "sqlx",
            "crate::room",
            "crate::session",
            "crate::service",
        ],
    ),
    (
        "src/pictures",
        &[
            "yrs",
            "sqlx",
            "warp",
            "hyper",
            "crate::room",
            "crate::service",
            "crate::rest",
            "crate::session",
            "crate::socket",
        ],
    ),
    (
        "src/media.rs",
        &[
            "yrs",
            "sqlx",
            "warp",
            "hyper",
            "scrible_store",
            "crate::room",
            "crate::rest",
        ],
    ),
    (
        "src/telemetry",
        &[
            "yrs",
            "scrible_store",
            "scrible_wire",
            "warp",
            "hyper",
            "crate::room",
            "crate::journal",
            "crate::session",
            "crate::socket",
            "crate::rest",
        ],
    ),
    (
        "src/cli/client.rs",
        &[
            "yrs",
            "scrible_store",
            "sqlx",
            "warp",
            "hyper",
            "crate::room",
            "crate::service",
            "crate::rest",
        ],
    ),
    (
        "src/cli/room/served",
        &[
            "yrs",
            "scrible_store",
            "sqlx",
            "warp",
            "hyper",
            "crate::service",
            "crate::compact",
        ],
    ),
    (
        "src/import",
        &[
            "yrs",
            "scrible_store",
            "sqlx",
            "warp",
            "hyper",
            "crate::session",
            "crate::socket",
        ],
    ),
];

/// All files below a path that a person wrote.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        let entry = entry.unwrap().path();
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if !["node_modules", "target", "dist", "out"].contains(&name.as_str())
            && !name.starts_with('.')
        {
            found.extend(files(&entry));
        }
    }
    found
}

#[test]
fn imports_follow_the_arrows() {
    let mut wrong = Vec::new();
    for (place, forbidden) in MAY_NOT_IMPORT {
        let files = files(&Path::new(ROOT).join(place));
        let is_code = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs");
        for file in files.into_iter().filter(is_code) {
            let text = fs::read_to_string(&file).unwrap();
            for (at, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for name in forbidden
                    .iter()
                    .filter(|name| code.contains(&format!("{name}::")))
                {
                    wrong.push(format!("{}:{}: {name}", file.display(), at + 1));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these imports go against ARCHITECTURE.md:\n{}",
        wrong.join("\n")
    );
}

/// The numbers of rules that a text has before or in the names of its tests.
fn cited(path: &Path, text: &str) -> BTreeSet<String> {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    let names = text.lines().map(str::trim_start).filter_map(|line| {
        if is_rust {
            // Cases that a table in another file names are public.
            let line = line.strip_prefix("pub ").unwrap_or(line);
            line.strip_prefix("async fn ")
                .or_else(|| line.strip_prefix("fn "))?
                .split_once(['(', '<'])
                .map(|(name, _)| name)
                // serde gave these their names.
                .filter(|name| !name.starts_with("visit_"))
        } else {
            line.strip_prefix("test(")
                .or_else(|| line.strip_prefix("describe("))
        }
    });
    let words = names.flat_map(|name| {
        name.split(|c: char| !c.is_ascii_alphanumeric())
            .map(str::to_uppercase)
    });
    let is_rule = |word: &String| {
        let (letter, number) = word.split_at(word.len().min(1));
        "WGRAOJNKVSCPIBDETLQXUYHMFZ".contains(letter)
            && !letter.is_empty()
            && !number.is_empty()
            && number.parse::<u8>().is_ok()
    };
    words.filter(is_rule).collect()
}

#[test]
fn every_rule_is_shown_by_a_test_and_every_citation_is_a_rule() {
    let spec = fs::read_to_string(Path::new(ROOT).join("SPEC.md")).unwrap();
    let rules: BTreeSet<String> = spec
        .lines()
        .filter_map(|line| {
            line.strip_prefix("- **")?
                .split_once("**")
                .map(|(rule, _)| rule.to_owned())
        })
        .collect();
    assert!(rules.len() > 40, "SPEC.md numbers its rules as `- **W1**`");
    let mut shown = BTreeSet::new();
    for place in ["src", "crates", "tests"] {
        for file in files(&Path::new(ROOT).join(place)) {
            let is_code = file
                .extension()
                .is_some_and(|extension| ["rs", "mjs", "js"].iter().any(|one| extension == *one));
            if is_code && !file.ends_with("tidy.rs") {
                shown.extend(cited(&file, &fs::read_to_string(&file).unwrap()));
            }
        }
    }
    let unshown: Vec<_> = rules.difference(&shown).collect();
    let unknown: Vec<_> = shown.difference(&rules).collect();
    assert!(
        unshown.is_empty() && unknown.is_empty(),
        "rules without a test: {unshown:?}; cited but no rule: {unknown:?}"
    );
}
