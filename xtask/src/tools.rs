//! The programs that the tests need beyond Rust: Postgres, Redis, nginx, Node, Python with venv, Chromium. What Debian can install is installed.
//!
//! The one rule: nothing is installed that is already there, and where nothing can be installed the sentence says what to do.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::Part;
use crate::command::Run;
use crate::postgres;

/// The oldest Node that the test clients run on.
const OLDEST_NODE: u32 = 20;
/// Where Debian puts its Chromium.
const DEBIAN_CHROMIUM: &str = "/usr/bin/chromium";

/// Where Debian puts its nginx.
const DEBIAN_NGINX: &str = "/usr/sbin/nginx";

/// Checks that all is there that the parts need, and installs what is missing.
pub fn prepare(root: &Path, selected: impl Fn(Part) -> bool) -> Result<()> {
    let mut packages = Vec::new();
    let [rust, interop, deploy] = [Part::Rust, Part::Interop, Part::Deploy].map(&selected);
    let server = rust || interop || deploy;
    if server && !postgres::is_given() && postgres::programs(root).is_none() {
        packages.push("postgresql");
    }
    // The tests start it themselves, many times: what they show is what happens when it dies.
    let redis = Run::new("redis-server", root).args(["--version"]);
    if server && redis.try_output().is_none() {
        packages.push("redis-server");
    }
    if deploy && Run::new(nginx(), root).args(["-v"]).try_output().is_none() {
        packages.push("nginx-light");
    }
    if interop || deploy || selected(Part::Browser) {
        node(root)?;
    }
    if (interop || deploy || selected(Part::Api))
        && Run::new("python3", root)
            .args(["-c", "import venv, ensurepip, sqlite3"])
            .try_output()
            .is_none()
    {
        packages.push("python3-venv");
    }
    if selected(Part::Browser) {
        packages.extend(browser()?);
    }
    apt(root, &packages)
}

/// The same for measuring: Node, Postgres and a browser.
pub fn prepare_bench(root: &Path) -> Result<()> {
    node(root)?;
    let mut packages = Vec::from(browser()?);
    if postgres::programs(root).is_none() {
        packages.push("postgresql");
    }
    apt(root, &packages)
}

/// Debian's packages for a browser, where there is none.
fn browser() -> Result<&'static [&'static str]> {
    match std::env::var_os("CHROME") {
        Some(path) if !Path::new(&path).is_file() => {
            bail!("CHROME names {}, which is no file", path.display())
        }
        Some(_) => Ok(&[]),
        // A browser without any font draws no text that the page did not bring.
        None if !Path::new(DEBIAN_CHROMIUM).is_file() => Ok(&["chromium", "fonts-liberation"]),
        None => Ok(&[]),
    }
}

/// The nginx under test. Debian puts it where only root looks.
pub fn nginx() -> OsString {
    match Path::new(DEBIAN_NGINX).is_file() {
        true => DEBIAN_NGINX.into(),
        false => "nginx".into(),
    }
}

/// The browser under test.
pub fn chrome() -> OsString {
    std::env::var_os("CHROME").unwrap_or_else(|| DEBIAN_CHROMIUM.into())
}

fn node(root: &Path) -> Result<()> {
    let version = Run::new("node", root).args(["--version"]).try_output();
    let version = version.with_context(|| {
        format!("Node is not installed: version {OLDEST_NODE} or later is needed")
    })?;
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        bail!("Node {version} is too old: version {OLDEST_NODE} or later is needed");
    }
    println!("Node {version}");
    Ok(())
}

/// The major part of a version like `v20.1.0`.
fn major(version: &str) -> Option<u32> {
    version
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn apt(root: &Path, packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let wanted = packages.join(" ");
    let by_hand = || {
        format!(
            "install by hand: {wanted} (for the browser, CHROME=/path/to/chrome will do, for Postgres the URL of a server in {})",
            postgres::URL
        )
    };
    if Run::new("apt-get", root)
        .args(["--version"])
        .try_output()
        .is_none()
    {
        bail!("this is not Debian; {}", by_hand());
    }
    let is_root = Run::new("id", root)
        .args(["-u"])
        .try_output()
        .is_some_and(|id| id == "0");
    let may_sudo = is_root
        || Run::new("sudo", root)
            .args(["-n", "true"])
            .try_output()
            .is_some();
    if !may_sudo {
        bail!(
            "neither root nor able to become root without a password; {}",
            by_hand()
        );
    }
    let apt = |arguments: &[&str]| {
        let run = if is_root {
            Run::new("env", root)
        } else {
            Run::new("sudo", root).args(["-n", "env"])
        };
        run.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"])
            .args(arguments)
            .run()
    };
    apt(&["update"]).with_context(by_hand)?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat()).with_context(by_hand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_node_prints() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v8.0.0-pre"), Some(8));
        assert_eq!(major("nightly"), None);
    }
}
