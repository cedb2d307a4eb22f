//! Somebody at a terminal: what is asked, what is shown of what is typed, and how the terminal is left.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::json;

use super::{Guarded, PLANTED};

/// A terminal with a command that runs at it.
struct Terminal {
    keys: File,
    /// Ours, so that it lives as long as we look at it.
    _screen: File,
    shown: Arc<Mutex<String>>,
    child: Child,
}

impl Terminal {
    fn run(guarded: &Guarded, token: &str, words: &[&str]) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap();
        let screen = File::options()
            .read(true)
            .write(true)
            // It is to be the command's, not ours.
            .custom_flags(OFlags::NOCTTY.bits().cast_signed())
            .open(name.to_str().unwrap())
            .unwrap();
        let own = || OwnedFd::from(screen.try_clone().unwrap());
        let program = guarded.place.command(words);
        // Makes it the terminal of the command, as a shell would.
        let mut command = std::process::Command::new("setsid");
        command
            .args(["--ctty", "--wait"])
            .arg(program.get_program())
            .args(program.get_args())
            .args(["--server", &format!("http://{}", guarded.server.address)])
            .current_dir(guarded.place.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("SCRIBLE_TOKEN", token)
            .stdin(own())
            .stdout(own())
            .stderr(own());
        let child = command.spawn().unwrap();
        let keys = File::from(keys);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut from, to) = (keys.try_clone().unwrap(), shown.clone());
        std::thread::spawn(move || {
            let mut part = [0; 1024];
            // Until nobody has the terminal open any more.
            while let Ok(n) = from.read(&mut part) {
                *to.lock().unwrap() += std::str::from_utf8(&part[..n]).unwrap();
            }
        });
        Self {
            keys,
            _screen: screen,
            shown,
            child,
        }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Whether it shows what is typed.
    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.keys).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !holds() {
            assert!(Instant::now() < deadline, "{what}: {:?}", self.shown());
            std::thread::yield_now();
        }
    }

    /// Types once it is asked, and once nothing is shown any more of what is typed.
    fn answer_unseen(&mut self, prompt: &str, keys: &str) {
        self.until(prompt, || self.shown().ends_with(prompt) && !self.echoes());
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn answer(&mut self, prompt: &str, keys: &str) {
        self.until(prompt, || self.shown().ends_with(prompt));
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// How it ended, and all that was shown.
    fn ended(mut self, last: &str) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.until(last, || self.shown().contains(last));
        assert!(self.echoes(), "the terminal is left as it was");
        (code, self.shown())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        match self.child.kill() {
            Err(error) if error.kind() != ErrorKind::InvalidInput => panic!("{error}"),
            _ => {}
        }
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn h17_a_password_is_asked_for_twice_and_not_shown() {
    let guarded = Guarded::start();
    let ann = guarded.ann();
    let password = format!("{PLANTED}red paper");
    let line = format!("{password}\n");
    let ask = "Password for those who have the link (Enter for none): ";
    let again = "The same again: ";

    let mut terminal = Terminal::run(&guarded, &ann, &["room", "create", "plans"]);
    terminal.answer_unseen(ask, &line);
    terminal.answer_unseen(again, &line);
    let (code, shown) = terminal.ended("/join/plans");
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(PLANTED), "{shown}");
    assert_eq!(
        guarded.join("plans", json!({ "password": password })).await,
        200
    );

    // None is wanted.
    let mut terminal = Terminal::run(&guarded, &ann, &["room", "create", "open"]);
    terminal.answer_unseen(ask, "\n");
    let (code, shown) = terminal.ended("/join/open");
    assert_eq!(code, Some(0), "{shown}");
    let terminal = Terminal::run(&guarded, &ann, &["room", "create", "bare", "--no-password"]);
    let (code, shown) = terminal.ended("/join/bare");
    assert!(code == Some(0) && !shown.contains("Password"), "{shown}");

    for (first, second, wanted) in [
        (
            &*line,
            &*format!("{PLANTED}other\n"),
            "not the same; nothing was changed",
        ),
        ("\n", "", "--remove takes one away"),
        // Ctrl-C and Ctrl-D.
        ("\u{3}", "", "broken off; nothing was changed"),
        ("\u{4}", "", "broken off; nothing was changed"),
    ] {
        let mut terminal = Terminal::run(&guarded, &ann, &["room", "password", "plans"]);
        terminal.answer_unseen("New password: ", first);
        if !second.is_empty() {
            terminal.answer_unseen(again, second);
        }
        let (code, shown) = terminal.ended(wanted);
        assert_eq!(code, Some(1), "{shown}");
        assert!(!shown.contains(PLANTED), "{shown}");
    }
    assert_eq!(
        guarded.join("plans", json!({ "password": password })).await,
        200
    );
}

#[tokio::test]
async fn h18_whoever_deletes_is_asked_whether_that_is_meant() {
    let guarded = Guarded::start();
    let admin = guarded.admin();
    guarded.done(&admin, &["room", "create", "plans"]);
    for (words, question, answer, code, last) in [
        (
            &["room", "delete", "plans"][..],
            "Delete room \"plans\"? [y/N] ",
            "\n",
            1,
            "nothing was changed",
        ),
        (
            &["room", "delete", "plans"],
            "? [y/N] ",
            "n\n",
            1,
            "nothing was changed",
        ),
        (
            &["room", "delete", "plans", "--purge"],
            "type its name to go on: ",
            "y\n",
            1,
            "nothing was changed",
        ),
        (
            &["room", "delete", "plans"],
            "? [y/N] ",
            "y\n",
            0,
            "is deleted",
        ),
        (
            &["room", "delete", "plans", "--purge"],
            "type its name to go on: ",
            "plans\n",
            0,
            "gone for ever",
        ),
    ] {
        let mut terminal = Terminal::run(&guarded, &admin, words);
        terminal.answer(question, answer);
        let (ended, shown) = terminal.ended(last);
        assert_eq!(ended, Some(code), "{shown}");
        let left = guarded.json(&admin, &["room", "list"]).len();
        assert_eq!(left, usize::from(code == 1), "{shown}");
    }
    assert!(
        guarded
            .json(&admin, &["room", "list", "--deleted"])
            .is_empty()
    );
}
