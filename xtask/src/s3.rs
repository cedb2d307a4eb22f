//! A server that speaks S3, for the tests of objects, which start it themselves.
//!
//! The one rule: it is built once, from the version and the lock file that are named here, and lies below `target`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::Run;

/// By which the tests find it; one that is set already is used instead.
pub const PROGRAM: &str = "SCRIBLE_TEST_S3S_FS";
/// The newest of all need a newer Rust than we do.
const VERSION: &str = "0.14.1";

/// Whether somebody else's program is to be used.
pub fn is_given() -> bool {
    std::env::var_os(PROGRAM).is_some()
}

/// Builds it, unless it is there.
pub fn install(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/tools");
    let program = folder.join("bin/s3s-fs");
    if version(root, &program).as_deref() == Some(VERSION) {
        println!("s3s-fs {VERSION}");
        return Ok(program);
    }
    let exact = format!("={VERSION}");
    Run::cargo(root)
        .args(["install", "s3s-fs", "--version", &exact, "--locked"])
        // Quicker to build, and quick enough.
        .args(["--debug", "--features", "binary", "--force", "--root"])
        .args([&folder])
        .run()
        .context(
            "the objects' tests need s3s-fs, or such a program named in SCRIBLE_TEST_S3S_FS",
        )?;
    match version(root, &program) {
        Some(found) if found == VERSION => Ok(program),
        found => bail!("s3s-fs {VERSION} was installed, but what is there is {found:?}"),
    }
}

fn version(root: &Path, program: &Path) -> Option<String> {
    let told = Run::new(program, root).args(["--version"]).try_output()?;
    Some(told.strip_prefix("s3s-fs ")?.to_owned())
}
