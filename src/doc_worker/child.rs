//! The child's side: reads a request, does the work, answers, until nobody asks any more.
//!
//! Knows the process that it is: its memory limit, its stack, its parent, where it may look for fonts. Takes nothing from
//! settings or environment. The rule: it may die of any doc, and must never outlive its parent, not even in an endless loop.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::process::parent_id;
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use scrible_exporter::export::Exporter;
use scrible_exporter::limits::{Limits as DrawingLimits, Stop};
use scrible_exporter::picture::{PictureLimits, Pictures, is_guarded};
use scrible_wire::{Clocks, Limits, merge};

use super::export::{ExportFailure, Exported, Fault, Job, Order, Refusal};
use super::message::{self, Answer, File, Request};
use super::{DocError, answer_limit, build, export, json, request_limit};
use crate::fonts::{self, FontsConfig, Loaded};

/// yrs recurses once for each level when types in each other are deleted, and for each level of a value. On this much,
/// 400,000 levels (3.6 MB of nothing but nesting) go well, and the child dies of 2,000,000. Only what is used takes memory.
pub const STACK_BYTES: usize = 256 << 20;

/// As many sentences about what was not restored as anybody reads.
const MAX_LEFT: usize = 100;

/// What a pixel of a picture may take: itself, and again for shapes that show through and for each frame that clips another.
/// Frames of 19 million pixels with one in the other took more than 16.
const BYTES_A_PIXEL: u64 = 32;

/// What a byte drawn in a PDF may take: as path data, as numbers, as what a page says and as that compressed.
const MEMORY_A_PDF_BYTE: u64 = 8;

/// What a pixel of a picture on a board may take, while no more than half of the memory is for that.
const BYTES_A_DECODED_PIXEL: u64 = 2 * 12;

/// Of the memory, an eighth may be fonts, and no more than this.
const MAX_FONT_BYTES: u64 = 256 << 20;

/// By how much it is nicer than the server: against one busy thread of it on the same processor, it gets a tenth.
const NICE: i32 = 10;
/// How often it looks whether its parent is still there.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// What a child is told on its command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildConfig {
    /// The process that asks. With it this one ends.
    pub parent: u32,
    /// Of the updates of one doc.
    pub max_doc_bytes: usize,
    /// Of address space: whatever is beyond it cannot be allocated.
    pub memory_bytes: u64,
    /// Beyond the bundled ones.
    pub fonts: FontsConfig,
}

/// What requests are answered with.
struct Workshop {
    config: ChildConfig,
    /// Once something was drawn.
    studio: OnceCell<Studio>,
}

/// What boards are drawn with.
struct Studio {
    exporter: Exporter,
    warnings: Vec<String>,
}

/// Serves the process that started this one, over standard input and output, until there is no more input.
pub fn run(config: ChildConfig) -> ExitCode {
    match prepare(&config).and_then(|()| work(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "scrible doc-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn prepare(config: &ChildConfig) -> Result<()> {
    let parent = config.parent;
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || {
            while parent_id() == parent {
                thread::sleep(WATCH_INTERVAL);
            }
            std::process::exit(1)
        })
        .context("start the watchdog")?;
    // Both come to a whole terminal or service, when the server has yet to finish what these children do for it.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .context("ignore signals")?;
    }
    let limit = |resource, bytes| {
        let limit = Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        };
        setrlimit(resource, limit)
    };
    // A core would hold what people wrote.
    limit(Resource::Core, 0).context("switch core dumps off")?;
    limit(Resource::As, config.memory_bytes).context("limit the memory")?;
    // Where processors are short, those who draw come first: nobody waits for a snapshot, and exports may take longer.
    let _ = rustix::process::nice(NICE);
    // So that the kernel, short of memory, takes this one before the server. It may be forbidden; then it is left.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

fn work(config: ChildConfig) -> Result<()> {
    std::panic::set_hook(Box::new(answer_panic));
    thread::Builder::new()
        .name("doc".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || serve(config))
        .context("start the thread that works")?
        .join()
        .expect("a panic ends the process")
}

fn serve(config: ChildConfig) -> Result<()> {
    let limit = request_limit(config.max_doc_bytes);
    let studio = OnceCell::new();
    let workshop = Workshop { config, studio };
    while let Some((request, blobs)) =
        message::read::<Request>(io::stdin().lock(), limit).context("read a request")?
    {
        say(&Answer::Started, &[])?;
        let (answer, blobs) = workshop.answer(&request, &blobs).unwrap_or_else(|why| {
            let why = cut(why);
            (Answer::Broken { why }, Vec::new())
        });
        say(&answer, &blobs)?;
    }
    Ok(())
}

impl Studio {
    /// What may be made follows from the memory that there is.
    fn of(config: &ChildConfig) -> Self {
        let memory = config.memory_bytes.saturating_sub(STACK_BYTES as u64);
        let font_bytes = (memory / 8).min(MAX_FONT_BYTES) as usize;
        let Loaded { fonts, warnings } = fonts::load(&config.fonts, font_bytes);
        let most = DrawingLimits::default();
        let limits = DrawingLimits {
            svg_bytes: answer_limit(config.max_doc_bytes).min(most.svg_bytes),
            pdf_bytes: answer_limit(config.max_doc_bytes)
                .min((memory / MEMORY_A_PDF_BYTE) as usize)
                .min(most.pdf_bytes),
            pixels: (memory / BYTES_A_PIXEL).min(most.pixels),
            ..most
        };
        let most = PictureLimits::default();
        let picture_limits = PictureLimits {
            pixels: (memory / BYTES_A_DECODED_PIXEL).min(most.pixels),
            ..most
        };
        Self {
            exporter: Exporter {
                fonts,
                limits,
                picture_limits,
            },
            warnings,
        }
    }
}

impl Workshop {
    fn answer(&self, request: &Request, blobs: &[Bytes]) -> Result<(Answer, Vec<Bytes>), String> {
        match request {
            Request::Build { .. } => {
                let built = build::build(blobs)?;
                let answer = Answer::Built {
                    snapshot: built.snapshot.len(),
                    state_vector: built.state_vector.len(),
                };
                Ok((answer, vec![built.snapshot, built.state_vector]))
            }
            Request::Json { .. } => {
                let text = json::json(blobs, answer_limit(self.config.max_doc_bytes))?;
                Ok((Answer::Json { text: text.len() }, vec![text]))
            }
            Request::Restore { current, .. } => {
                let (current, target) = blobs.split_at(current.len());
                let mut restored = super::restore::restore(current, target)?;
                let left = &mut restored.left;
                if let more @ 1.. = left.len().saturating_sub(MAX_LEFT) {
                    left.truncate(MAX_LEFT);
                    left.push(format!("and {more} more could not be restored"));
                }
                let answer = Answer::Restored {
                    update: restored.update.as_ref().map(Bytes::len),
                    changes: restored.changes,
                    left: restored.left,
                };
                Ok((answer, restored.update.into_iter().collect()))
            }
            Request::Export {
                order,
                blobs: updates,
                pictures,
            } => {
                let (updates, files) = blobs.split_at(updates.len());
                let names = pictures.iter().map(|(name, _)| name.as_str());
                let pictures = HandedOver(names.zip(files).collect());
                self.answer_export(order, updates, &pictures)
            }
            Request::Pictures { board, .. } => {
                let document = merged(blobs)?;
                let limits = self.limits();
                let names = export::picture_names(&document, board, &limits);
                Ok((Answer::Pictures { names }, Vec::new()))
            }
        }
    }

    fn limits(&self) -> scrible_board::Limits {
        scrible_board::Limits {
            document_bytes: request_limit(self.config.max_doc_bytes),
            ..scrible_board::Limits::default()
        }
    }

    fn answer_export(
        &self,
        order: &Order,
        updates: &[Bytes],
        pictures: &HandedOver<'_>,
    ) -> Result<(Answer, Vec<Bytes>), String> {
        match self.exported(order, updates, pictures) {
            Ok(answer) => Ok(answer),
            Err(ExportFailure::Refused(Refusal { fault, why })) => {
                let why = cut(why);
                Ok((Answer::Refused(Refusal { fault, why }), Vec::new()))
            }
            Err(ExportFailure::Document(DocError::Broken(why))) => Err(why),
            Err(ExportFailure::Document(error)) => Err(error.to_string()),
        }
    }

    fn exported(
        &self,
        order: &Order,
        updates: &[Bytes],
        pictures: &HandedOver<'_>,
    ) -> Result<(Answer, Vec<Bytes>), ExportFailure> {
        let studio = self.studio.get_or_init(|| Studio::of(&self.config));
        let document = merged(updates).map_err(DocError::Broken)?;
        let job = Job {
            document: &document,
            limits: self.limits(),
            order,
            exporter: &studio.exporter,
            pictures,
            // Who stops waiting kills this process.
            stop: Stop::never(),
        };
        let limit = answer_limit(self.config.max_doc_bytes);
        let (mut files, mut blobs, mut total) = (Vec::new(), Vec::new(), 0);
        let mut facts = job.run(|Exported { page, artifact }| {
            total += artifact.bytes.len();
            if total > limit {
                let why = format!(
                    "what was ordered takes more than {limit} bytes; order fewer shapes or pages at a time"
                );
                let fault = Fault::TooLarge;
                return Err(ExportFailure::from(Refusal { fault, why }));
            }
            files.push(File {
                page,
                size: artifact.size,
                pages: artifact.pages,
                missing: artifact.missing,
                left_out: artifact.left_out,
                bytes: artifact.bytes.len(),
            });
            blobs.push(Bytes::from(artifact.bytes));
            Ok(())
        })?;
        facts.fonts.clone_from(&studio.warnings);
        Ok((Answer::Exported { files, facts }, blobs))
    }
}

/// Files that came with a request, by the names that the board has for them.
struct HandedOver<'a>(HashMap<&'a str, &'a Bytes>);

impl Pictures for HandedOver<'_> {
    fn bytes(&self, src: &str) -> Option<Cow<'_, [u8]>> {
        self.0.get(src).map(|file| Cow::Borrowed(&file[..]))
    }
}

/// One update, of nothing that does not pass the gate.
fn merged(updates: &[Bytes]) -> Result<Vec<u8>, String> {
    let limits = Limits::default().without_counts();
    let mut clocks = Clocks::new();
    for (at, update) in updates.iter().enumerate() {
        let number = at + 1;
        let taken = clocks.take(update, &limits);
        let taken = taken.map_err(|error| format!("update {number} is malformed: {error}"))?;
        if taken.early.is_some() {
            return Err(format!("update {number} builds on what is not there"));
        }
    }
    let parts = updates.iter().map(|update| &update[..]);
    merge::merge(parts, &limits).map_err(|error| format!("its updates cannot be merged: {error}"))
}

fn say(answer: &Answer, blobs: &[Bytes]) -> Result<()> {
    message::write(answer, blobs, io::stdout().lock()).context("answer")
}

/// What a panic said, and where.
pub fn last_words(panic: &PanicHookInfo<'_>) -> String {
    let said = panic
        .payload_as_str()
        .unwrap_or("a panic without a message");
    let at = panic.location().map_or(String::new(), |at| {
        let file = at.file().rsplit('/').next().unwrap_or_default();
        format!(" ({file}:{})", at.line())
    });
    cut(format!("{said}{at}"))
}

/// Says why, and ends the process at once: unwinding runs destructors over a doc in disorder, and a second panic aborts.
fn answer_panic(panic: &PanicHookInfo<'_>) {
    if is_guarded() {
        return;
    }
    let why = last_words(panic);
    let _ = message::write(&Answer::Panicked { why }, &[], io::stdout().lock());
    std::process::exit(101)
}

/// A sentence of a length that can be logged; some quote what was read.
fn cut(mut sentence: String) -> String {
    sentence.truncate(sentence.floor_char_boundary(500));
    sentence
}
