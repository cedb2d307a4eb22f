//! Where things lie, and what becomes of what differs.
//!
//! The rule: nothing is written beside the accepted files unless that was asked for.

use std::fs;
use std::path::{Path, PathBuf};

use super::raster::{Raster, sheet};

/// Of one channel of a pixel, before it counts as changed: rounding may differ between machines.
const TOLERANCE: u8 = 1;

/// A folder of test data.
pub fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(folder)
}

/// A file that has to be there.
pub fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Compares a picture with the accepted one of that name, or takes it.
pub fn hold_picture(accepted: &Path, name: &str, actual: &Raster) -> Result<(), String> {
    let expected = fs::read(accepted).ok().map(|file| Raster::decode(&file));
    if let Some(expected) = &expected
        && expected.is_within(actual, TOLERANCE)
    {
        return Ok(());
    }
    if is_accepting() {
        fs::write(accepted, actual.encode()).unwrap();
        return Ok(());
    }
    let left = left_over(&format!("{name}.png"));
    let blank = Raster::blank(actual.width, actual.height);
    let sheet = sheet(expected.as_ref().unwrap_or(&blank), actual);
    fs::write(&left, sheet.encode()).unwrap();
    Err(format!(
        "the picture of {name} differs: see {} (expected | difference | actual); \
         SCRIBLE_ACCEPT=1 cargo test -p scrible-exporter --test golden accepts it",
        left.display()
    ))
}

/// Compares an SVG with the accepted one of that name, or takes it.
pub fn hold_text(accepted: &Path, name: &str, svg: &str) -> Result<(), String> {
    let actual = lines(svg);
    let expected = fs::read_to_string(accepted).unwrap_or_default();
    if actual == expected {
        return Ok(());
    }
    if is_accepting() {
        fs::write(accepted, actual).unwrap();
        return Ok(());
    }
    let left = left_over(&format!("{name}.svg.diff"));
    let diff = similar::TextDiff::from_lines(&expected, &actual);
    let diff = diff.unified_diff().header("expected", "actual").to_string();
    fs::write(&left, diff).unwrap();
    Err(format!("the SVG of {name} differs: see {}", left.display()))
}

fn is_accepting() -> bool {
    std::env::var_os("SCRIBLE_ACCEPT").is_some_and(|it| it == "1")
}

/// One element on each line, so that a difference can be read.
fn lines(svg: &str) -> String {
    svg.replace("><", ">\n<")
}

/// A file in `target/golden`.
fn left_over(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("golden");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}
