//! Packages from npm and `PyPI` as their lock files say, installed only when a lock file has changed.
//!
//! The stamp is a copy of the lock file beside what was installed from it. The one rule: it is written last, so an installation
//! that broke off is done again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{Run, read};

/// The name of the stamp file.
const STAMP: &str = ".installed-from";

/// Installs a folder's npm packages.
pub fn npm(folder: &Path) -> Result<()> {
    let stamp = Stamp {
        lock: folder.join("package-lock.json"),
        installed: folder.join("node_modules"),
    };
    stamp.unless_current(|| {
        Run::new("npm", folder)
            .args(["ci", "--no-audit", "--no-fund"])
            .run()
    })
}

/// Installs a folder's Python packages into a virtual environment; gives its interpreter.
pub fn python(folder: &Path) -> Result<PathBuf> {
    let environment = folder.join(".venv");
    let interpreter = environment.join("bin/python");
    let stamp = Stamp {
        lock: folder.join("requirements.txt"),
        installed: environment,
    };
    stamp.unless_current(|| {
        Run::new("python3", folder)
            .args(["-m", "venv", "--clear", ".venv"])
            .run()?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            "requirements.txt",
        ];
        Run::new(&interpreter, folder).args(pip).run()
    })?;
    Ok(interpreter)
}

/// Installs a folder's packages for Python 2.7 into another folder, which is given back.
pub fn python2(folder: &Path, installed: &Path, interpreter: &Path) -> Result<PathBuf> {
    let stamp = Stamp {
        lock: folder.join("requirements.txt"),
        installed: installed.to_owned(),
    };
    stamp.unless_current(|| {
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        Run::new(interpreter, folder)
            .args(pip)
            .args(["--upgrade", "-r", "requirements.txt", "--target"])
            .args([installed])
            .run()
    })?;
    Ok(installed.to_owned())
}

struct Stamp {
    lock: PathBuf,
    installed: PathBuf,
}

impl Stamp {
    fn unless_current(&self, install: impl FnOnce() -> Result<()>) -> Result<()> {
        let wanted = read(&self.lock)?;
        let stamp = self.installed.join(STAMP);
        if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
            println!("{} has not changed", self.lock.display());
            return Ok(());
        }
        install()?;
        std::fs::write(&stamp, wanted).with_context(|| format!("write {}", stamp.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installs_once_again_after_a_failure_and_when_the_lock_file_changes() {
        let folder = std::env::temp_dir().join(format!("scrible-xtask-{}", std::process::id()));
        let stamp = Stamp {
            lock: folder.join("lock"),
            installed: folder.join("installed"),
        };
        std::fs::create_dir_all(&stamp.installed).unwrap();
        std::fs::write(&stamp.lock, "1").unwrap();
        let mut installed = 0;
        assert!(
            stamp
                .unless_current(|| anyhow::bail!("no network"))
                .is_err()
        );
        for _ in 0..2 {
            stamp
                .unless_current(|| {
                    installed += 1;
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(installed, 1);
        std::fs::write(&stamp.lock, "2").unwrap();
        stamp
            .unless_current(|| {
                installed += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(installed, 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
