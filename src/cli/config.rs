//! `scrible config`: every setting in effect and where it comes from.
//!
//! The rule: only what [`Value::shown`](crate::config::Value::shown) gives is printed, so secrets stay hidden.

use crate::config::Effective;

/// One line a setting: name, value, source.
pub fn listing(effective: &Effective) -> String {
    let rows: Vec<(&str, String, String)> = effective
        .values
        .iter()
        .map(|value| (value.setting.name, value.shown(), value.source.to_string()))
        .collect();
    let name_width = rows.iter().map(|row| row.0.len()).max().unwrap_or(0);
    let value_width = rows
        .iter()
        .map(|row| row.1.chars().count())
        .max()
        .unwrap_or(0);
    let line = |(name, value, source): &(&str, String, String)| {
        format!("{name:name_width$}  {value:value_width$}  {source}\n")
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::{FileText, Given, SETTINGS};

    #[test]
    fn each_setting_stands_on_a_line_with_its_source_and_no_secret() {
        let given = Given {
            flags: BTreeMap::from([("PORT", "4000".to_owned())]),
            file: None,
        };
        let environment = BTreeMap::from([("SCRIBLE_JWT_SECRET".to_owned(), "hunter2".to_owned())]);
        let file = FileText {
            path: Path::new("x.toml"),
            text: "log = \"warn\"",
        };
        let effective = Effective::gather(&given, &environment, Some(file)).unwrap();
        let listing = listing(&effective);
        let lines: Vec<Vec<&str>> = listing
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines.len(), SETTINGS.len());
        for line in [
            ["HOST", "127.0.0.1", "default"],
            ["PORT", "4000", "flag"],
            ["REDIS_URL", "(unset)", "default"],
            ["SCRIBLE_JWT_SECRET", "****", "environment"],
            ["SCRIBLE_LOG", "warn", "x.toml"],
        ] {
            assert!(lines.contains(&line.to_vec()), "{listing}");
        }
        assert!(!listing.contains("hunter2"), "{listing}");
    }
}
