//! Runs programs: prints the command line, lets output through, and turns a failure into a sentence.
//!
//! The one rule: a program that is missing is named, because the operating system's own error is not helpful.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// A program with its arguments, to be run in a folder.
pub struct Run<'a> {
    name: String,
    folder: &'a Path,
    command: Command,
}

impl<'a> Run<'a> {
    /// A program; a path is printed as its last part.
    pub fn new(program: impl AsRef<OsStr>, folder: &'a Path) -> Self {
        let name = Path::new(&program)
            .file_name()
            .unwrap_or(program.as_ref())
            .to_string_lossy()
            .into_owned();
        let mut command = Command::new(program);
        command.current_dir(folder);
        Self {
            name,
            folder,
            command,
        }
    }

    /// Cargo, the one that runs this program.
    pub fn cargo(folder: &'a Path) -> Self {
        Self::new(
            std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            folder,
        )
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs the program with its output let through; an exit code other than 0 is an error.
    pub fn run(mut self) -> Result<()> {
        println!("$ {}", self.line());
        let status = self.command.status().map_err(|error| self.missing(error))?;
        if !status.success() {
            bail!(
                "`{}` in {} ended with {status}",
                self.line(),
                self.folder.display()
            );
        }
        Ok(())
    }

    /// Runs the program silently; `None` when it is not there or fails.
    pub fn try_output(mut self) -> Option<String> {
        let Output { status, stdout, .. } = self.command.stdin(Stdio::null()).output().ok()?;
        status
            .success()
            .then(|| String::from_utf8_lossy(&stdout).trim().to_owned())
    }

    fn line(&self) -> String {
        let arguments = self.command.get_args().map(OsStr::to_string_lossy);
        std::iter::once(self.name.as_str().into())
            .chain(arguments)
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn missing(&self, error: std::io::Error) -> anyhow::Error {
        if error.kind() == ErrorKind::NotFound && self.folder.is_dir() {
            return anyhow::anyhow!("the program `{}` is not installed", self.name);
        }
        anyhow::Error::new(error).context(format!(
            "run `{}` in {}",
            self.line(),
            self.folder.display()
        ))
    }
}

/// The text of a file that must be there.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_and_a_failing_one_are_named() {
        let folder = std::env::temp_dir();
        let missing = Run::new("/nowhere/no-such-program", &folder)
            .run()
            .unwrap_err();
        assert_eq!(
            missing.to_string(),
            "the program `no-such-program` is not installed"
        );
        let failing = Run::new("sh", &folder)
            .args(["-c", "exit 3"])
            .run()
            .unwrap_err();
        assert!(
            failing.to_string().starts_with("`sh -c exit 3`"),
            "{failing}"
        );
        assert!(failing.to_string().contains('3'), "{failing}");
    }

    #[test]
    fn output_of_a_failing_program_is_none() {
        let folder = std::env::temp_dir();
        assert_eq!(
            Run::new("sh", &folder)
                .args(["-c", "echo yes"])
                .try_output()
                .as_deref(),
            Some("yes")
        );
        assert_eq!(
            Run::new("sh", &folder)
                .args(["-c", "echo no; exit 1"])
                .try_output(),
            None
        );
    }
}
