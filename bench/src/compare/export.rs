//! A board becomes a file: by our program and our server, and by the editor in a browser.
//!
//! Cold is from the start of a program: of `scrible export FILE` until the file is there, or of a browser until it has loaded the page, joined the
//! room and made the file. Warm is from request to link over the API of a running server, which had an edit before each, or from asking an
//! editor that shows the board. The rule: both make the same picture, of the same size; a board of which they do not is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use scrible_wire::message;
use serde_json::json;
use wait4::Wait4;

use super::editor::Editor;
use super::number::number;
use super::result::{Better, Figure, Row, Scenario, Value};
use crate::api::Api;
use crate::client::Client;
use crate::exports::ordered;
use crate::load::forged::append;
use crate::peers::{Peer, Setup};

/// The other row.
const EDITOR: &str = "tldraw in Chromium";
/// What boards become.
const FORMATS: [Format; 2] = [
    Format {
        name: "png",
        warm: "png-warm",
        cold: "png-cold",
    },
    Format {
        name: "svg",
        warm: "svg-warm",
        cold: "svg-cold",
    },
];
/// Of which processor time and memory are told.
const PNG: &str = "png";
/// Before the first that counts.
const WARM_UP: usize = 2;
/// Between two looks at the memory.
const LOOK: Duration = Duration::from_millis(10);
/// For one export.
const PATIENCE: Duration = Duration::from_secs(60);
/// A side of a picture may be cut off or rounded up.
const SAME_PX: u32 = 1;

/// What comparing exports found.
pub struct Exports {
    /// One for each board.
    pub scenarios: Vec<Scenario>,
    /// Which editor and which browser, if they ran.
    pub versions: BTreeMap<String, String>,
}

struct Format {
    name: &'static str,
    warm: &'static str,
    cold: &'static str,
}

struct Board {
    id: &'static str,
    title: &'static str,
    /// Of the repository, from this package's folder.
    path: &'static str,
    shapes: usize,
    /// Of ours.
    times: Times,
    /// In a quick run.
    quick: Times,
}

const BOARDS: [Board; 2] = [
    Board {
        id: "export-50",
        title: "Export, a board of 50 shapes",
        path: "boards/board-50.bin",
        shapes: 50,
        times: Times { warm: 30, cold: 10 },
        quick: Times { warm: 5, cold: 3 },
    },
    Board {
        id: "export-1000",
        title: "Export, a board of 1,000 shapes",
        path: "../exporter/tests/data/golden/board-1000/doc.bin",
        shapes: 1_000,
        times: Times { warm: 10, cold: 5 },
        quick: Times { warm: 3, cold: 2 },
    },
];

/// How often, in one repeat.
#[derive(Clone, Copy)]
struct Times {
    warm: usize,
    cold: usize,
}

/// One repeat: values by the figure's id, and the size of the PNG.
struct Found {
    values: BTreeMap<&'static str, f64>,
    size: Option<(u32, u32)>,
}

/// Measures both in turn, as often as it says.
pub async fn exports(setup: &Setup, quick: bool, repeats: usize) -> Result<Exports> {
    let mut all = Exports {
        scenarios: Vec::new(),
        versions: BTreeMap::new(),
    };
    let mut version = None;
    for board in &BOARDS {
        let times = if quick { board.quick } else { board.times };
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for repeat in 1..=repeats {
            eprintln!("{}, repeat {repeat}", board.id);
            ours.push(by_us(setup, board, times).await);
            theirs.push(by_editor(setup, board, times, &mut version).await);
        }
        let mut scenario = board.scenario();
        scenario.rows = vec![row("Scrible", &ours), row(EDITOR, &theirs)];
        let sizes = [&ours, &theirs].map(|found| {
            let mut found = found.iter().flatten();
            found.find_map(|found| found.size)
        });
        if let [Some(ours), Some(theirs)] = sizes
            && !alike(ours, theirs)
        {
            let note = format!(
                "its PNG has {} × {} px, Scrible's {} × {}",
                theirs.0, theirs.1, ours.0, ours.1
            );
            scenario.rows[1]
                .note
                .get_or_insert_default()
                .push_str(&note);
        }
        all.scenarios.push(scenario);
    }
    all.versions
        .extend(version.map(|version| (EDITOR.to_owned(), version)));
    Ok(all)
}

impl Board {
    fn scenario(&self) -> Scenario {
        let figure = |id: &str, title: &str, unit: &str| Figure {
            id: id.to_owned(),
            title: title.to_owned(),
            unit: unit.to_owned(),
            better: Better::Less,
        };
        Scenario {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            what: format!(
                "A board of {} shapes becomes a file, one px for each of the board's. Warm: Scrible's server is asked over HTTP, until the link is there, after an edit \
                 each time; the editor is asked in a page that has joined the room and shows the board, until it holds the file. Cold: `scrible export FILE` from its start to the \
                 file; a browser from its start over the page and the room to the file. Memory is the most that all processes of either had together while they were warm, what they share counted once.",
                number(self.shapes as f64)
            ),
            figures: vec![
                figure("png-warm", "PNG, warm", "ms"),
                figure("png-cold", "PNG, cold", "ms"),
                figure("svg-warm", "SVG, warm", "ms"),
                figure("svg-cold", "SVG, cold", "ms"),
                figure("cpu-warm", "CPU of a warm PNG", "ms"),
                figure("cpu-cold", "CPU of a cold PNG", "ms"),
                figure("memory", "Memory", "MiB"),
            ],
            rows: Vec::new(),
        }
    }

    fn file(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.path)
    }

    fn read(&self) -> Result<Vec<u8>> {
        std::fs::read(self.file()).with_context(|| format!("read {}", self.path))
    }
}

async fn by_us(setup: &Setup, board: &Board, times: Times) -> Result<Found> {
    let mut found = Found {
        values: BTreeMap::new(),
        size: None,
    };
    for format in &FORMATS {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("board").with_extension(format.name);
        let mut colds = Vec::new();
        for _ in 0..times.cold {
            let program = Program {
                server: setup.server.clone(),
                core: setup.server_core,
                board: board.file(),
                file: file.clone(),
            };
            colds.push(tokio::task::spawn_blocking(move || program.run()).await??);
        }
        let took = colds.iter().map(|cold| cold.took).collect();
        found.set(format.cold, median(took));
        if format.name == PNG {
            let cpu = colds.iter().map(|cold| cold.cpu).collect();
            found.set("cpu-cold", median(cpu));
            found.size = Some(png_size(&std::fs::read(&file)?)?);
        }
    }

    let running = Peer::Scrible.start(setup).await?;
    let door = running.door(board.id).await?;
    let (server, room) = door.url.rsplit_once('/').context("the room's name")?;
    let mut orders = Orders {
        person: Client::join(server, room).await?,
        api: Api::open(server).await?,
        room: room.to_owned(),
        edits: 0,
    };
    orders.say(message::update(&board.read()?)).await?;
    for format in &FORMATS {
        orders.order(format.name, WARM_UP).await?;
        let before = running.taken()?;
        let took = orders.order(format.name, times.warm).await?;
        let spent = running.taken()?.seconds - before.seconds;
        found.set(format.warm, median(took));
        if format.name == PNG {
            found.set("cpu-warm", spent * 1e3 / times.warm as f64);
        }
    }
    let look = || Ok(running.taken()?.mib);
    let again = orders.order(PNG, times.warm);
    found.set("memory", most(look, again).await?);
    orders.person.leave().await;
    running.end().await?;
    Ok(found)
}

async fn by_editor(
    setup: &Setup,
    board: &Board,
    times: Times,
    version: &mut Option<String>,
) -> Result<Found> {
    let running = Peer::Scrible.start(setup).await?;
    let door = running.door(board.id).await?;
    let (server, room) = door.url.rsplit_once('/').context("the room's name")?;
    let mut person = Client::join(server, room).await?;
    let content = message::update(&board.read()?);
    person.send(content.clone()).await?;
    person.wait_for(&content).await?;

    let mut found = Found {
        values: BTreeMap::new(),
        size: None,
    };
    let mut editor = Editor::ready(setup.server_core).await?;
    for format in &FORMATS {
        let began = Instant::now();
        *version = Some(editor.start().await?);
        editor.open(server, room, board.shapes).await?;
        let made = editor.export(format.name).await?;
        found.set(format.cold, began.elapsed().as_secs_f64() * 1e3);
        if format.name == PNG {
            found.set("cpu-cold", editor.browser()?.taken()?.seconds * 1e3);
            found.size = made.size;
        }
        // The last browser stays for what is warm.
        if format.name == PNG {
            editor.stop().await?;
        }
    }
    for format in &FORMATS {
        editor_exports(&mut editor, format.name, WARM_UP).await?;
        let before = editor.browser()?.taken()?;
        let took = editor_exports(&mut editor, format.name, times.warm).await?;
        let spent = editor.browser()?.taken()?.seconds - before.seconds;
        found.set(format.warm, median(took));
        if format.name == PNG {
            found.set("cpu-warm", spent * 1e3 / times.warm as f64);
        }
    }
    let browser = editor.browser()?.clone();
    let look = || Ok(browser.taken()?.mib);
    let again = editor_exports(&mut editor, PNG, times.warm);
    found.set("memory", most(look, again).await?);
    editor.end().await?;
    person.leave().await;
    running.end().await?;
    Ok(found)
}

async fn editor_exports(editor: &mut Editor, format: &str, times: usize) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for _ in 0..times {
        took.push(editor.export(format).await?.time.as_secs_f64() * 1e3);
    }
    Ok(took)
}

/// Somebody in a room who edits it and orders exports of it.
struct Orders {
    person: Client,
    api: Api,
    room: String,
    edits: u32,
}

impl Orders {
    /// Sends a message and waits until it is stored.
    async fn say(&mut self, message: Vec<u8>) -> Result<()> {
        self.person.send(message.clone()).await?;
        self.person.wait_for(&message).await.map(drop)
    }

    /// So many exports, one after the other, each of something new; how many ms each took.
    async fn order(&mut self, format: &str, times: usize) -> Result<Vec<f64>> {
        let mut took = Vec::new();
        for _ in 0..times {
            self.say(message::update(&append(1, self.edits, 20)))
                .await?;
            self.edits += 1;
            let began = Instant::now();
            let order = json!({"format": format});
            let made = ordered(&mut self.api, &self.room, &order, PATIENCE).await?;
            took.push(began.elapsed().as_secs_f64() * 1e3);
            ensure!(
                made["state"] == "completed" && made["url"].is_string(),
                "{made}"
            );
        }
        Ok(took)
    }
}

/// `scrible export`, from its start to its end.
struct Program {
    server: PathBuf,
    core: usize,
    board: PathBuf,
    file: PathBuf,
}

/// What that took, in ms.
struct Cold {
    took: f64,
    cpu: f64,
}

impl Program {
    fn run(&self) -> Result<Cold> {
        let mut command = std::process::Command::new("taskset");
        command
            .args(["-c", &self.core.to_string()])
            .arg(&self.server)
            .args(["export", "--quiet", "--output"])
            .arg(&self.file)
            .arg(&self.board);
        let began = Instant::now();
        let ended = command.spawn().context("start taskset")?.wait4()?;
        let took = began.elapsed().as_secs_f64() * 1e3;
        ensure!(ended.status.success(), "scrible export: {}", ended.status);
        let cpu = ended.rusage.utime + ended.rusage.stime;
        Ok(Cold {
            took,
            cpu: cpu.as_secs_f64() * 1e3,
        })
    }
}

impl Found {
    fn set(&mut self, figure: &'static str, value: f64) {
        self.values.insert(figure, value);
    }
}

fn row(peer: &str, repeats: &[Result<Found>]) -> Row {
    let found: Vec<_> = repeats.iter().flatten().collect();
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (figure, value) in found.iter().flat_map(|found| &found.values) {
        values.entry((*figure).to_owned()).or_default().push(*value);
    }
    let failed = repeats.iter().find_map(|found| found.as_ref().err());
    Row {
        peer: peer.to_owned(),
        valid: found.len(),
        repeats: repeats.len(),
        values: values
            .into_iter()
            .filter_map(|(figure, repeats)| Some((figure, Value::of(repeats)?)))
            .collect(),
        note: failed.map(|error| format!("{error:#}")),
    }
}

/// The most that a look sees while something is done.
async fn most<T>(
    look: impl Fn() -> Result<f64>,
    work: impl Future<Output = Result<T>>,
) -> Result<f64> {
    let mut work = pin!(work);
    let mut due = tokio::time::interval(LOOK);
    let mut most: f64 = 0.0;
    loop {
        tokio::select! {
            done = &mut work => {
                done?;
                return Ok(most.max(look()?));
            }
            _ = due.tick() => most = most.max(look()?),
        }
    }
}

fn median(values: Vec<f64>) -> f64 {
    Value::of(values).map_or(f64::NAN, |value| value.median)
}

fn alike(one: (u32, u32), other: (u32, u32)) -> bool {
    one.0.abs_diff(other.0) <= SAME_PX && one.1.abs_diff(other.1) <= SAME_PX
}

/// Width and height, as they stand in the first chunk.
fn png_size(png: &[u8]) -> Result<(u32, u32)> {
    let side = |at: usize| {
        let bytes = png.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    ensure!(png.starts_with(b"\x89PNG\r\n\x1a\n"), "this is no PNG");
    side(16).zip(side(20)).context("a PNG without a size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_that_failed_is_told_and_the_others_count() {
        let found = |value| {
            Ok(Found {
                values: BTreeMap::from([("png-warm", value)]),
                size: None,
            })
        };
        let repeats = [found(2.0), Err(anyhow::anyhow!("no browser")), found(4.0)];
        let row = row("one", &repeats);
        assert_eq!((row.valid, row.repeats), (2, 3));
        assert_eq!(row.note.as_deref(), Some("no browser"));
        assert_eq!(row.values["png-warm"].median, 3.0);
    }

    #[test]
    fn the_size_of_a_png_is_read() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend([0, 0, 3, 0xbd, 0, 0, 3, 0x3c]);
        assert_eq!(png_size(&png).unwrap(), (957, 828));
        assert!(png_size(&png[..20]).is_err());
        assert!(png_size(b"<svg/>").is_err());
    }

    #[tokio::test]
    async fn the_most_is_what_was_seen_in_between() {
        let looks = std::cell::Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            Ok(if looks.get() == 2 { 9.0 } else { 1.0 })
        };
        let work = async {
            while looks.get() < 3 {
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        assert_eq!(most(look, work).await.unwrap(), 9.0);
    }
}
