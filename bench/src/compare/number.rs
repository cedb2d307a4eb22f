//! Numbers as people read them: three figures, thousands and millions shortened.

/// Three figures, or four below ten thousand; `k` and `M` from a hundred thousand and a million on.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        0.0 => "0".to_owned(),
        // Something is not nothing.
        _ if size < 0.0005 => "under 0.001".to_owned(),
        _ if size >= 999_500.0 => format!("{} M", figures(value / 1e6)),
        _ if size >= 99_950.0 => format!("{} k", figures(value / 1e3)),
        _ if size >= 999.5 => {
            let least = if size >= 9_999.5 { 100.0 } else { 1.0 };
            let whole = ((value / least).round() * least) as i64;
            format!("{},{:03}", whole / 1000, (whole % 1000).abs())
        }
        _ => figures(value),
    }
}

/// The same with its unit.
pub fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "" => number(value),
        "×" => format!("{}×", number(value)),
        // It ends in a letter already: `5.98 M/s`.
        unit if unit.starts_with('/') => format!("{}{unit}", number(value)),
        unit => format!("{} {unit}", number(value)),
    }
}

/// Three figures, and no zeros behind the point that say nothing.
fn figures(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.0995 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_figures_whatever_the_size() {
        let shown = [
            (0.0, "0"),
            (0.0004, "under 0.001"),
            (0.173, "0.17"),
            (0.058, "0.058"),
            (1.005, "1"),
            (9.99, "9.99"),
            (9.996, "10"),
            (12.34, "12.3"),
            (99.96, "100"),
            (646.0, "646"),
            (999.6, "1,000"),
            (8_048.4, "8,048"),
            (9_999.6, "10,000"),
            (11_629.0, "11,600"),
            (99_951.0, "100 k"),
            (642_123.0, "642 k"),
            (999_600.0, "1 M"),
            (5_984_000.0, "5.98 M"),
            (-1_500.0, "-1,500"),
        ];
        for (value, text) in shown {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn units_stand_as_people_write_them() {
        assert_eq!(with_unit(5_984_000.0, "/s"), "5.98 M/s");
        assert_eq!(with_unit(0.17, "µs"), "0.17 µs");
        assert_eq!(with_unit(1.1, "×"), "1.1×");
        assert_eq!(with_unit(3.0, ""), "3");
    }
}
