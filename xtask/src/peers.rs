//! The servers that ours is compared with, from their registries.
//!
//! Does not start them. The one rule: each is built once, from the version and the lock file that are named in the repository, and lies below
//! `target` or beside its lock file.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::Run;
use crate::packages;

/// What is installed of y-sweet.
const Y_SWEET: &str = "0.9.1";

/// Installs all that are not there.
pub fn install(root: &Path) -> Result<()> {
    let folder = root.join("bench/peers");
    packages::npm(&folder)?;
    packages::npm(&folder.join("y-websocket"))?;
    yrs_warp(root, &folder.join("yrs-warp"))?;
    y_sweet(root)
}

/// Builds the main of yrs-warp, which is not of this workspace.
fn yrs_warp(root: &Path, package: &Path) -> Result<()> {
    Run::cargo(package)
        .args(["build", "--release", "--locked", "--target-dir"])
        .args([root.join("target/tools/yrs-warp")])
        .run()
        .context("build yrs-warp")
}

/// A few minutes, once.
fn y_sweet(root: &Path) -> Result<()> {
    let folder = root.join("target/tools");
    let program = folder.join("bin/y-sweet");
    if version(root, &program).as_deref() == Some(Y_SWEET) {
        println!("y-sweet {Y_SWEET}");
        return Ok(());
    }
    let exact = format!("={Y_SWEET}");
    Run::cargo(root)
        // Without its own lock file it does not build.
        .args(["install", "y-sweet", "--version", &exact, "--locked"])
        .args(["--force", "--root"])
        .args([&folder])
        .run()
        .context("install y-sweet")?;
    match version(root, &program) {
        Some(found) if found == Y_SWEET => Ok(()),
        found => bail!("y-sweet {Y_SWEET} was installed, but what is there is {found:?}"),
    }
}

fn version(root: &Path, program: &Path) -> Option<String> {
    let told = Run::new(program, root).args(["version"]).try_output()?;
    Some(told.split_whitespace().next_back()?.to_owned())
}
