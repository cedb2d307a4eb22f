//! `/api/exports` and `/api/rooms/{room}/exports`: files that are made of boards in the background.

use std::time::Duration;

use scrible_exporter::export::Format;
use scrible_exporter::options::{Background, PageChoice};
use scrible_exporter::theme::Theme;
use scrible_store::{ExportId, ExportState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;
use warp::http::header::{HeaderName, HeaderValue, LOCATION};
use warp::reply::{Reply, Response};

use super::call::{Answer, Call, cursor_at, done, ok};
use super::words::{read_time, time};
use crate::exporting::{Outcome, Ticket, id_text, read_id};
use crate::rest::error::Problem;
use crate::service::{ExportView, ExportWish, PageWish};

/// How long a request may wait for its export, in seconds.
pub const MAX_WAIT: u64 = 60;

/// What is to be made of a room's board.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExport {
    format: FormatName,
    /// Its place from 1, its id or its name; `all` for every page of a PDF that is not empty. The first, or all of a PDF, if not said.
    page: Option<PageName>,
    /// Only these shapes, with all that is in them; ids.
    #[serde(default)]
    shapes: Vec<String>,
    /// px of the picture for each px of the board; 1 if not said.
    #[schema(minimum = 0.00000001, maximum = 100)]
    scale: Option<f64>,
    /// px of the board around what is drawn; as the editor does it if not said.
    #[schema(minimum = 0, maximum = 100000)]
    padding: Option<f64>,
    /// What is behind the shapes; `painted` if not said.
    background: Option<BackgroundName>,
    /// As the editor looks in the dark.
    dark: Option<bool>,
    /// This version of the room instead of what is there.
    version: Option<u64>,
    /// When the file is deleted; after SCRIBLE_EXPORT_TTL_HOURS if not said. RFC 3339, UTC; within 30 days.
    #[schema(format = "date-time")]
    expires: Option<String>,
}

/// What a board becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Format)]
pub enum FormatName {
    /// Pixels.
    Png,
    /// Paths.
    Svg,
    /// A page for each page of the board.
    Pdf,
    /// All records, as a snapshot.
    Json,
    /// All records, as a file that the editor opens.
    Tldr,
}

/// What is behind the shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Background)]
pub enum BackgroundName {
    /// Nothing.
    Transparent,
    /// The color of the page.
    Painted,
}

/// A page, by its place from 1 or by its id or name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = PageName)]
pub enum PageName {
    /// Its place, from 1.
    Number(usize),
    /// Its id or its name, or `all`.
    Name(String),
}

/// An export.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    id: String,
    room: String,
    state: ExportStateName,
    /// How far it is, from 0 to 100.
    progress: u8,
    /// How often it was begun.
    attempts: u32,
    format: Option<FormatName>,
    /// Of which version it is, if it is of one.
    version: Option<u64>,
    /// Up to which update of the room the file shows it, once it is completed.
    seq: Option<u64>,
    /// Bytes of the file.
    size: Option<u64>,
    /// Of a picture, in px.
    width: Option<u32>,
    /// Of a picture, in px.
    height: Option<u32>,
    /// Of a PDF.
    pages: Option<usize>,
    /// What was left out, and what was wrong with the board, in sentences.
    notes: Vec<String>,
    /// Where the file is; whoever has this may get it until `url_expires`. Asking again gives a fresh one.
    url: Option<String>,
    #[schema(format = "date-time")]
    url_expires: Option<String>,
    /// Why there is no file, or why the last attempt came to nothing.
    error: Option<ExportError>,
    #[schema(format = "date-time")]
    created: String,
    #[schema(format = "date-time")]
    ended: Option<String>,
    /// When it and its file are deleted.
    #[schema(format = "date-time")]
    expires: String,
}

/// Why there is no file.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportError {
    /// For programs: `empty`, `no-board`, `not-there`, `bad-option`, `too-large`, `broken-document`, `unreadable`, `room-not-found`,
    /// `version-not-found`, `bad-order`, `unavailable`, `objects-unavailable` or `worker-died`.
    code: String,
    /// For people.
    detail: String,
}

/// Where an export is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ExportState)]
pub enum ExportStateName {
    /// It waits, for its first attempt or for another one.
    Pending,
    /// It is being drawn.
    Processing,
    /// The file is there.
    Completed,
    /// There will be none.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
}

/// Exports, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportList {
    exports: Vec<Export>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// `POST /api/exports/{room}`
pub async fn order(call: Call) -> Answer {
    let wait = wait(&call);
    let wish = call.json::<NewExport>()?.wish()?;
    let key = call.idempotency_key()?;
    let ordering = call
        .services
        .order_export(call.room()?, &call.knock, wish, key);
    let mut view = ordering.await?;
    if let Some(wait) = wait {
        view = call.services.await_export(view, wait).await?;
    }
    let is_over = wait.is_some() && view.export.state.is_end();
    let location = format!("/api/exports/{}", id_text(view.export.id));
    let body = warp::reply::json(&shown(&call, view));
    let status = match is_over {
        true => StatusCode::OK,
        false => StatusCode::ACCEPTED,
    };
    let mut response = warp::reply::with_status(body, status).into_response();
    let location = HeaderValue::from_str(&location).ok();
    let headers = response.headers_mut();
    headers.extend(location.map(|location| (LOCATION, location)));
    applied(&mut response, wait.filter(|_| is_over));
    Ok(response)
}

/// `GET /api/exports/{export}`
pub async fn get(call: Call) -> Answer {
    let wait = wait(&call);
    let mut view = call.services.export(id(&call)?, &call.knock).await?;
    if let Some(wait) = wait {
        view = call.services.await_export(view, wait).await?;
    }
    let is_over = view.export.state.is_end();
    let mut response = ok(&shown(&call, view));
    applied(&mut response, wait.filter(|_| is_over));
    Ok(response)
}

/// `GET /api/rooms/{room}/exports`
pub async fn list(call: Call) -> Answer {
    let page = call.page()?;
    let listing = call.services.exports(call.room()?, &call.knock, page);
    let listed = listing.await?;
    let last = listed.items.last().filter(|_| listed.more);
    let next = last.map(|(_, place)| cursor_at(&place.to_string()));
    let views = listed.items.into_iter();
    let exports = views.map(|(view, _)| shown(&call, view)).collect();
    Ok(ok(&ExportList { exports, next }))
}

/// `POST /api/exports/{export}/cancel`
pub async fn cancel(call: Call) -> Answer {
    let cancelling = call.services.cancel_export(id(&call)?, &call.knock);
    let view = cancelling.await?;
    Ok(ok(&shown(&call, view)))
}

/// `DELETE /api/exports/{export}`
pub async fn delete(call: Call) -> Answer {
    call.services.delete_export(id(&call)?, &call.knock).await?;
    Ok(done())
}

/// What is no id is the id of nothing.
fn id(call: &Call) -> Result<ExportId, Problem> {
    let id = call.number.as_deref().and_then(read_id);
    id.ok_or_else(|| crate::service::Refusal::ExportNotFound.into())
}

/// How long a client would rather wait than ask again (RFC 7240). What is not understood is a preference that is not met.
fn wait(call: &Call) -> Option<Duration> {
    let lines = call.headers.get_all("prefer").iter();
    let preferences = lines.filter_map(|line| line.to_str().ok());
    let mut preferences = preferences.flat_map(|line| line.split([',', ';']));
    let seconds = preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let is_wait = name.trim().eq_ignore_ascii_case("wait");
        is_wait.then(|| value.trim().trim_matches('"').parse::<u64>().ok())?
    });
    seconds.map(|seconds| Duration::from_secs(seconds.min(MAX_WAIT)))
}

fn applied(response: &mut Response, wait: Option<Duration>) {
    let value =
        wait.and_then(|wait| HeaderValue::from_str(&format!("wait={}", wait.as_secs())).ok());
    let name = HeaderName::from_static("preference-applied");
    response
        .headers_mut()
        .extend(value.map(|value| (name, value)));
}

fn shown(call: &Call, view: ExportView) -> Export {
    let ExportView { export, link } = view;
    let ticket = Ticket::of(&export).ok();
    let outcome = Outcome::of(&export).unwrap_or_default();
    let is_there = export.state == ExportState::Completed;
    let (url, url_expires) = match link {
        None => (None, None),
        Some((url, until)) => {
            // Where files lie with this server, it is reached as the client reached it.
            let url = match url.starts_with('/') {
                true => format!("{}{url}", call.base_url().trim_end_matches('/')),
                false => url,
            };
            (Some(url), Some(time(until)))
        }
    };
    let error = export.error.as_deref().filter(|_| !is_there);
    let error = error.map(|detail| ExportError {
        // An export that is tried again has no code yet.
        code: export.code.as_deref().unwrap_or("unavailable").to_owned(),
        detail: detail.to_owned(),
    });
    Export {
        id: id_text(export.id),
        room: export.room.to_string(),
        state: export.state.into(),
        progress: export.progress,
        attempts: export.attempts,
        format: ticket.map(|ticket| ticket.order.format.into()),
        version: export.version,
        seq: export.drawn,
        size: is_there.then_some(outcome.size),
        width: outcome.width,
        height: outcome.height,
        pages: outcome.pages,
        notes: outcome.notes,
        url,
        url_expires,
        error,
        created: time(export.created_ms),
        ended: export.ended_ms.map(time),
        expires: time(export.expires_ms),
    }
}

impl NewExport {
    fn wish(self) -> Result<ExportWish, Problem> {
        let page = self.page.map(|page| match page {
            PageName::Number(number) => PageWish::One(PageChoice::Number(number)),
            PageName::Name(name) if name == "all" => PageWish::All,
            PageName::Name(name) => PageWish::One(PageChoice::Named(name)),
        });
        let expires = self.expires.as_deref().map(read_time).transpose()?;
        Ok(ExportWish {
            format: self.format.into(),
            page,
            shapes: self.shapes,
            scale: self.scale,
            padding: self.padding,
            background: self.background.map(Background::from),
            theme: self.dark.map(|dark| match dark {
                true => Theme::Dark,
                false => Theme::Light,
            }),
            version: self.version,
            expires_ms: expires,
        })
    }
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Png => Self::Png,
            FormatName::Svg => Self::Svg,
            FormatName::Pdf => Self::Pdf,
            FormatName::Json => Self::Json,
            FormatName::Tldr => Self::Tldr,
        }
    }
}

impl From<Format> for FormatName {
    fn from(format: Format) -> Self {
        match format {
            Format::Png => Self::Png,
            Format::Svg => Self::Svg,
            Format::Pdf => Self::Pdf,
            Format::Json => Self::Json,
            Format::Tldr => Self::Tldr,
        }
    }
}

impl From<BackgroundName> for Background {
    fn from(name: BackgroundName) -> Self {
        match name {
            BackgroundName::Transparent => Self::Transparent,
            BackgroundName::Painted => Self::Painted,
        }
    }
}

impl From<ExportState> for ExportStateName {
    fn from(state: ExportState) -> Self {
        match state {
            ExportState::Pending => Self::Pending,
            ExportState::Processing => Self::Processing,
            ExportState::Completed => Self::Completed,
            ExportState::Failed => Self::Failed,
            ExportState::Cancelled => Self::Cancelled,
        }
    }
}
