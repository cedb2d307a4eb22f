//! The editor in a browser, told by lines of JSON what to do: `bench/peers/editor.mjs`.
//!
//! Does not know what is measured with it. The one rule: when it is dropped or ended, no browser stays.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::expect;
use crate::watched::Program;

/// Where the program lies, beside the packages that it needs.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
/// For one wish.
const PATIENCE: Duration = Duration::from_secs(180);

/// A browser and the page in it, or where there will be one.
pub struct Editor {
    process: Child,
    wishes: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    browser: Option<Program>,
}

/// A file that the editor made.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// How long the editor took.
    pub time: Duration,
    /// Its width and height in px, where it has some.
    pub size: Option<(u32, u32)>,
}

impl Editor {
    /// Ready to start a browser, which will run on one processor only. An error where something is not installed.
    pub async fn ready(core: usize) -> Result<Self> {
        let modules = Path::new(FOLDER).join("node_modules/playwright-core");
        ensure!(
            modules.is_dir(),
            "playwright-core is not installed in bench/peers"
        );
        let mut process = Command::new("node")
            .arg("editor.mjs")
            .current_dir(FOLDER)
            .env("BENCH_CORE", core.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start node")?;
        let wishes = expect(process.stdin.take(), "its input")?;
        let answers = expect(process.stdout.take(), "its output")?;
        let mut editor = Self {
            process,
            wishes,
            answers: BufReader::new(answers).lines(),
            browser: None,
        };
        editor.ask(&json!({"op": "ready"})).await?;
        Ok(editor)
    }

    /// Starts the browser. Says which editor it will show, in which browser.
    pub async fn start(&mut self) -> Result<String> {
        let answer = self.ask(&json!({"op": "start"})).await?;
        let pid = answer["pid"].as_u64().and_then(|pid| pid.try_into().ok());
        self.browser = Some(Program {
            name: "browser".to_owned(),
            pid: pid.context("its process")?,
        });
        let version = answer["version"].as_str().context("its version")?;
        Ok(version.to_owned())
    }

    /// Opens a room's page, until it shows so many shapes.
    pub async fn open(&mut self, server: &str, room: &str, shapes: usize) -> Result<()> {
        let wish = json!({"op": "open", "server": server, "room": room, "shapes": shapes});
        self.ask(&wish).await.map(drop)
    }

    /// Makes a file of what the page shows.
    pub async fn export(&mut self, format: &str) -> Result<Made> {
        let wish = json!({"op": "export", "format": format});
        let answer = self.ask(&wish).await?;
        let ms = answer["ms"].as_f64().context("its time")?;
        let [width, height] = ["width", "height"].map(|side| {
            let side = answer[side].as_u64()?;
            u32::try_from(side).ok()
        });
        Ok(Made {
            time: Duration::from_secs_f64(ms / 1e3),
            size: width.zip(height),
        })
    }

    /// The browser, with all its processes.
    pub fn browser(&self) -> Result<&Program> {
        self.browser.as_ref().context("there is no browser")
    }

    /// Ends the browser.
    pub async fn stop(&mut self) -> Result<()> {
        self.browser = None;
        self.ask(&json!({"op": "stop"})).await.map(drop)
    }

    /// Ends everything in order.
    pub async fn end(self) -> Result<()> {
        let Self {
            mut process,
            wishes,
            ..
        } = self;
        drop(wishes);
        let ended = tokio::time::timeout(PATIENCE, process.wait()).await;
        ensure!(
            ended.context("node does not end")??.success(),
            "node failed"
        );
        Ok(())
    }

    async fn ask(&mut self, wish: &Value) -> Result<Value> {
        self.wishes
            .write_all(format!("{wish}\n").as_bytes())
            .await?;
        let line = tokio::time::timeout(PATIENCE, self.answers.next_line()).await;
        let line = line.with_context(|| format!("{wish} takes too long"))??;
        let answer: Value = serde_json::from_str(&line.context("node has ended")?)?;
        if let Some(error) = answer["error"].as_str() {
            anyhow::bail!("{}: {error}", wish["op"].as_str().unwrap_or_default());
        }
        Ok(answer)
    }
}
