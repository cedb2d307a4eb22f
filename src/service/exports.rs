//! Exports: ordered, looked at, waited for, cancelled and deleted.
//!
//! Whoever may look at a room may export it, unless the room keeps that to its editors. The rules: what is wrong with an order is said when
//! it is ordered, and whoever has no role in an export's room gets the same answer whether or not it is there.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use scrible_exporter::export::Format;
use scrible_exporter::options::{Background, Options, Padding, PageChoice};
use scrible_exporter::theme::Theme;
use scrible_objects::LinkTerms;
use scrible_store::{
    Export, ExportAdded, ExportId, ExportLimits, ExportState, Incarnation, MAX_EXPORT_TEXT,
    NewExport, Page, RoomEntry,
};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::rooms::{MAX_TEXT_BYTES, check_text};
use super::{Listed, Refusal, ServiceError, Services, now_ms};
use crate::access::{Admission, Denied, Knock, Role};
use crate::doc_worker::export::{BoardChoice, Order, Pages};
use crate::exporting::{MAX_NAME_BYTES, Ticket, key, prefix};
use crate::room::RoomName;

/// How many exports of a room may wait or be drawn at once.
const MAX_WAITING: u32 = 100;
/// How long an export may be kept.
const MAX_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often whoever waits looks for himself; he is woken before that.
const LOOK: Duration = Duration::from_secs(1);
/// How many wait for an export at once; whoever comes on top is told at once that it is not done yet.
pub(super) const MAX_WAITERS: usize = 256;
/// How many shapes may be named.
const MAX_SHAPES: usize = 5_000;

/// How exports are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportsConfig {
    /// How long, where nobody says.
    pub life: Duration,
    /// How long a link to a file is good.
    pub link_life: Duration,
    /// Bytes of the files of a room's exports above which it gets no more.
    pub room_bytes: u64,
}

impl Default for ExportsConfig {
    fn default() -> Self {
        Self {
            life: Duration::from_secs(24 * 60 * 60),
            link_life: Duration::from_secs(60 * 60),
            room_bytes: 1 << 30,
        }
    }
}

/// What is wanted of a room.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportWish {
    /// What it becomes.
    pub format: Format,
    /// Which of its pages; the first, or all of a PDF, if not said.
    pub page: Option<PageWish>,
    /// Only these, with all that is in them.
    pub shapes: Vec<String>,
    /// px of the picture for each px of the board.
    pub scale: Option<f64>,
    /// px of the board; as the editor does it if not said.
    pub padding: Option<f64>,
    /// Behind what is drawn.
    pub background: Option<Background>,
    /// Light or dark.
    pub theme: Option<Theme>,
    /// This version instead of what is there.
    pub version: Option<u64>,
    /// When it is deleted, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
}

/// Which pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageWish {
    /// By its place, from 1, by its id or by its name.
    One(PageChoice),
    /// All that are not empty.
    All,
}

/// An export, and where its file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportView {
    /// What is known of it.
    pub export: Export,
    /// Where the file is, and until when it can be had there, in milliseconds since 1970. A path, where the server is to be asked.
    pub link: Option<(String, i64)>,
}

impl Services {
    /// Orders an export. All that was acknowledged in the room before is in it. `key` makes asking again harmless.
    ///
    /// # Errors
    /// [`Refusal::Invalid`], [`Refusal::TooManyExports`], [`Refusal::KeyReused`], [`Refusal::RoomNotFound`],
    /// [`ServiceError::NotFound`] for the version, and what the gate has against it.
    pub async fn order_export(
        &self,
        room: &RoomName,
        knock: &Knock,
        wish: ExportWish,
        idempotency_key: Option<&str>,
    ) -> Result<ExportView, ServiceError> {
        let (admission, entry) = self.admit_to_export(room, knock).await?;
        let now = now_ms();
        let expires_ms = self.expiry(now, wish.expires_ms)?;
        let version = wish.version;
        let order = wish.order(room)?;
        if let Some(version) = version {
            self.versions.known(room, version).await?;
        }
        let ticket = Ticket {
            order,
            name: file_name(&entry),
        };
        let written: Arc<[u8]> = serde_json::to_vec(&ticket)
            .map_err(|error| Refusal::Invalid(error.to_string()))?
            .into();
        if written.len() > MAX_EXPORT_TEXT {
            let most = MAX_EXPORT_TEXT;
            return Err(Refusal::Invalid(format!(
                "the order is too long; it has at most {most} bytes"
            ))
            .into());
        }
        let at_least = match version {
            Some(_) => 0,
            None => self.stored_head(room).await?,
        };
        let ordered_by = admission.identity.0;
        let new = NewExport {
            id: match idempotency_key {
                Some(key) => keyed_id(room, ordered_by.as_deref(), key),
                None => ExportId(Incarnation::random().0),
            },
            order: written,
            at_least,
            version,
            ordered_by,
            time_ms: now,
            expires_ms,
        };
        let limits = ExportLimits {
            waiting: MAX_WAITING,
            bytes: self.exports_config.room_bytes,
        };
        match self.queue.add_export(room.as_str(), &new, &limits).await? {
            ExportAdded::Yes(export)
                if export.version != version
                    || Ticket::of(&export).is_ok_and(|known| known.order != ticket.order) =>
            {
                Err(Refusal::KeyReused.into())
            }
            ExportAdded::Yes(export) => self.with_link(*export).await,
            ExportAdded::NoRoom => Err(Refusal::RoomNotFound.into()),
            ExportAdded::TooMany => Err(Refusal::TooManyExports.into()),
        }
    }

    /// An export.
    ///
    /// # Errors
    /// [`Refusal::ExportNotFound`], also for whoever may not export its room.
    pub async fn export(&self, id: ExportId, knock: &Knock) -> Result<ExportView, ServiceError> {
        let (export, ..) = self.known_export(id, knock).await?;
        self.with_link(export).await
    }

    /// An export, once it has ended or the time is over.
    ///
    /// # Errors
    /// As [`export`](Self::export).
    pub async fn await_export(
        &self,
        mut view: ExportView,
        most: Duration,
    ) -> Result<ExportView, ServiceError> {
        let deadline = Instant::now() + most;
        let Ok(_place) = self.waiters.try_acquire() else {
            return Ok(view);
        };
        let id = view.export.id;
        let mut bell = self.queue.export_bell();
        while !view.export.state.is_end() && Instant::now() < deadline {
            let look = deadline.min(Instant::now() + LOOK);
            // A bell that is gone is no reason to look all the time.
            if let Ok(Err(_)) = timeout_at(look, bell.changed()).await {
                tokio::time::sleep_until(look).await;
            }
            let export = self.queue.export(id).await?;
            view.export = export.ok_or(Refusal::ExportNotFound)?;
        }
        self.with_link(view.export).await
    }

    /// The exports of a room, newest first, each with its place in the list.
    ///
    /// # Errors
    /// [`Refusal::RoomNotFound`], and what the gate has against it.
    pub async fn exports(
        &self,
        room: &RoomName,
        knock: &Knock,
        page: Page,
    ) -> Result<Listed<(ExportView, i64)>, ServiceError> {
        self.admit_to_export(room, knock).await?;
        let asked = Page {
            limit: page.limit.saturating_add(1),
            ..page
        };
        let found = self.queue.exports(room.as_str(), asked).await?;
        let Listed { items, more } = Listed::cut(found, page.limit);
        let mut views = Vec::with_capacity(items.len());
        for (export, place) in items {
            views.push((self.with_link(export).await?, place));
        }
        Ok(Listed { items: views, more })
    }

    /// Cancels an export that has not ended. For whoever ordered it, and for editors.
    ///
    /// # Errors
    /// [`Refusal::ExportNotFound`], [`Denied::Forbidden`].
    pub async fn cancel_export(
        &self,
        id: ExportId,
        knock: &Knock,
    ) -> Result<ExportView, ServiceError> {
        let (export, admission) = self.changeable_export(id, knock).await?;
        let cancelled = self
            .queue
            .cancel_export(&export.room, id, now_ms())
            .await?
            .ok_or(Refusal::ExportNotFound)?;
        if cancelled.state == ExportState::Cancelled && !export.state.is_end() {
            tracing::info!(export = crate::exporting::id_text(id), room = ?export.room, identity = admission.identity.0.as_deref(), "export cancelled");
        }
        self.with_link(cancelled).await
    }

    /// Deletes an export and its file. For whoever ordered it, and for editors.
    ///
    /// # Errors
    /// [`Refusal::ExportNotFound`], [`Denied::Forbidden`].
    pub async fn delete_export(&self, id: ExportId, knock: &Knock) -> Result<(), ServiceError> {
        let (export, _) = self.changeable_export(id, knock).await?;
        let prefix = prefix(&export);
        match self.queue.delete_export(&export.room, id, &prefix).await? {
            true => {
                self.workshop.delete_now(&prefix).await;
                Ok(())
            }
            false => Err(Refusal::ExportNotFound.into()),
        }
    }

    /// Somebody who may export a room that is there.
    pub(super) async fn admit_to_export(
        &self,
        room: &RoomName,
        knock: &Knock,
    ) -> Result<(Admission, RoomEntry), ServiceError> {
        let (admission, entry) = self.admit_to(room, knock, Role::Viewer).await?;
        match entry.viewers_export || admission.role >= Role::Editor {
            true => Ok((admission, entry)),
            false => Err(Refusal::ExportsKept.into()),
        }
    }

    /// An export, for those who may export its room.
    async fn known_export(
        &self,
        id: ExportId,
        knock: &Knock,
    ) -> Result<(Export, Admission), ServiceError> {
        // A token that is none is refused as such, whatever it asks for.
        self.gate.caller(knock).await?;
        let export = self.queue.export(id).await?;
        let export = export.ok_or(Refusal::ExportNotFound)?;
        let name = RoomName::new(&export.room).map_err(|_| Refusal::ExportNotFound)?;
        match self.admit_to_export(&name, knock).await {
            Ok((admission, _)) => Ok((export, admission)),
            Err(error @ ServiceError::Denied(Denied::Undecided | Denied::TooMany)) => Err(error),
            Err(ServiceError::Denied(_) | ServiceError::Refused(_)) => {
                Err(Refusal::ExportNotFound.into())
            }
            Err(error) => Err(error),
        }
    }

    async fn changeable_export(
        &self,
        id: ExportId,
        knock: &Knock,
    ) -> Result<(Export, Admission), ServiceError> {
        let (export, admission) = self.known_export(id, knock).await?;
        let is_own = export.ordered_by.is_some() && export.ordered_by == admission.identity.0;
        match is_own || admission.role >= Role::Editor {
            true => Ok((export, admission)),
            false => Err(Denied::Forbidden.into()),
        }
    }

    /// How far a room is stored, once all that this node has of it is.
    async fn stored_head(&self, room: &RoomName) -> Result<u64, ServiceError> {
        if self.rooms.find(room).is_some() {
            let membership = self.enter(room).await?;
            self.settle(&membership).await?;
        }
        let heads = self.keeper.store.heads(&[room.shared()]).await?;
        // Nothing was ever drawn in a room that has none.
        Ok(heads.first().map_or(0, |head| head.seq))
    }

    fn expiry(&self, now: i64, wished: Option<i64>) -> Result<i64, Refusal> {
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let expires = wished.unwrap_or(now.saturating_add(ms(self.exports_config.life)));
        // What is not said cannot be wrong.
        let most = now.saturating_add(ms(MAX_LIFE.max(self.exports_config.life)));
        match expires > now && expires <= most {
            true => Ok(expires),
            false => {
                let days = MAX_LIFE.as_secs() / (24 * 60 * 60);
                Err(Refusal::Invalid(format!(
                    "an export expires at a time to come, within {days} days"
                )))
            }
        }
    }

    async fn with_link(&self, export: Export) -> Result<ExportView, ServiceError> {
        let format = Ticket::of(&export).map(|ticket| ticket.order.format).ok();
        let left = export.expires_ms.saturating_sub(now_ms()) / 1000;
        let left = Duration::from_secs(u64::try_from(left).unwrap_or(0));
        let life = self.exports_config.link_life.min(left);
        let is_there = export.state == ExportState::Completed && life.as_secs() > 0;
        let Some(format) = format.filter(|_| is_there) else {
            return Ok(ExportView { export, link: None });
        };
        let key = key(&export, format);
        let link = self
            .workshop
            .objects
            .link(&key, &LinkTerms::lasting(life))
            .await;
        let link = link.map_err(|error| ServiceError::Unavailable(error.to_string()))?;
        let until = link.expires.duration_since(UNIX_EPOCH);
        let until = until.map_or(0, |since| since.as_millis());
        let until = i64::try_from(until).unwrap_or(i64::MAX);
        Ok(ExportView {
            export,
            link: Some((link.url, until)),
        })
    }
}

impl ExportWish {
    /// What a doc worker is to make of the board in a room.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with what would be right.
    fn order(self, room: &RoomName) -> Result<Order, Refusal> {
        let invalid = |why: String| Err(Refusal::Invalid(why));
        if !self.format.is_picture() {
            self.refuse_what_draws()?;
        }
        if self.shapes.len() > MAX_SHAPES {
            return invalid(format!("at most {MAX_SHAPES} shapes can be named"));
        }
        for shape in &self.shapes {
            check_text(shape, "the id of a shape", MAX_TEXT_BYTES)?;
        }
        let page = match &self.page {
            Some(PageWish::One(page)) => page.clone(),
            None | Some(PageWish::All) => PageChoice::First,
        };
        match &page {
            PageChoice::Number(0) => return invalid("pages are counted from 1".to_owned()),
            PageChoice::Named(name) => {
                check_text(name, "the page", MAX_TEXT_BYTES)?;
            }
            PageChoice::First | PageChoice::Number(_) => {}
        }
        let pages = match self.page {
            Some(PageWish::All) if !self.format.is_paged() => {
                let name = self.format.name();
                return invalid(format!(
                    "`page` is \"all\", and one {name} holds one page: ask for a pdf, or for one page after the other"
                ));
            }
            Some(PageWish::All) if !self.shapes.is_empty() => {
                return invalid(
                    "`shapes` stand on one page, so they do not go together with `page` \"all\": leave one of the two out"
                        .to_owned(),
                );
            }
            Some(PageWish::All) => Pages::Each,
            None if self.format.is_paged() && self.shapes.is_empty() => Pages::Each,
            None | Some(PageWish::One(_)) => Pages::One,
        };
        let options = Options {
            page,
            shapes: self.shapes,
            scale: self.scale.unwrap_or(1.0),
            padding: self.padding.map_or(Padding::Auto, Padding::Px),
            background: self.background.unwrap_or_default(),
            theme: self.theme.unwrap_or_default(),
        };
        options
            .check()
            .map_err(|error| Refusal::Invalid(error.to_string()))?;
        Ok(Order {
            board: BoardChoice::Room(room.as_str().to_owned()),
            format: self.format,
            pages,
            options,
        })
    }

    /// To pass over them would look as if they had been heeded.
    fn refuse_what_draws(&self) -> Result<(), Refusal> {
        let given = [
            ("page", self.page.is_some()),
            ("shapes", !self.shapes.is_empty()),
            ("scale", self.scale.is_some()),
            ("padding", self.padding.is_some()),
            ("background", self.background.is_some()),
            ("dark", self.theme.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Refusal::Invalid(format!(
                "`{name}` says how a picture is drawn, and {} holds the whole board: leave it out, or take svg, png or pdf",
                self.format.name()
            ))),
            None => Ok(()),
        }
    }
}

/// Places for those who wait.
pub(super) fn waiters() -> Semaphore {
    Semaphore::new(MAX_WAITERS)
}

/// The id of an export that its giver calls so: the same each time, and known to nobody else.
fn keyed_id(room: &RoomName, whose: Option<&str>, key: &str) -> ExportId {
    let mut hash = Sha256::new();
    for part in ["export", room.as_str(), whose.unwrap_or_default(), key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    ExportId(u128::from_be_bytes(id))
}

/// What a file is saved as: the room's title, or the last part of its name.
fn file_name(entry: &RoomEntry) -> String {
    let last = entry.name.rsplit('/').find(|part| !part.is_empty());
    let name = entry.title.as_deref().or(last).unwrap_or("board");
    let mut name: String = name.chars().filter(|c| !c.is_control()).collect();
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(format: Format) -> ExportWish {
        ExportWish {
            format,
            page: None,
            shapes: Vec::new(),
            scale: None,
            padding: None,
            background: None,
            theme: None,
            version: None,
            expires_ms: None,
        }
    }

    fn room() -> RoomName {
        RoomName::new("team/board").unwrap()
    }

    #[test]
    fn f2_what_is_not_said_is_as_in_the_editor() {
        let order = wish(Format::Png).order(&room()).unwrap();
        assert_eq!(order.options, Options::default());
        assert_eq!(order.pages, Pages::One);
        assert_eq!(order.board, BoardChoice::Room("team/board".to_owned()));
        assert_eq!(wish(Format::Pdf).order(&room()).unwrap().pages, Pages::Each);
    }

    #[test]
    fn f2_orders_that_cannot_be_are_refused_with_what_would_be_right() {
        let why = |wish: ExportWish| match wish.order(&room()) {
            Err(Refusal::Invalid(why)) => why,
            other => panic!("{other:?}"),
        };
        let page = |format, page| ExportWish {
            page: Some(page),
            ..wish(format)
        };
        let all = page(Format::Png, PageWish::All);
        assert!(why(all).contains("ask for a pdf"));
        let both = ExportWish {
            shapes: vec!["a".to_owned()],
            ..page(Format::Pdf, PageWish::All)
        };
        assert!(why(both).contains("leave one of the two out"));
        let zero = page(Format::Svg, PageWish::One(PageChoice::Number(0)));
        assert!(why(zero).contains("from 1"));
        let scaled = |format, scale| ExportWish {
            scale: Some(scale),
            ..wish(format)
        };
        assert!(why(scaled(Format::Png, 1e9)).contains("scale must be from"));
        assert!(why(scaled(Format::Json, 1.0)).contains("`scale` says how a picture is drawn"));
        let shapes = vec!["s".to_owned(); MAX_SHAPES + 1];
        let many = ExportWish {
            shapes,
            ..wish(Format::Png)
        };
        assert!(why(many).contains("at most"));
    }

    #[test]
    fn f3_a_key_is_its_givers_and_the_rooms() {
        let other = RoomName::new("other").unwrap();
        let id = keyed_id(&room(), Some("sub:ann"), "k");
        assert_eq!(id, keyed_id(&room(), Some("sub:ann"), "k"));
        for different in [
            keyed_id(&room(), Some("sub:bob"), "k"),
            keyed_id(&room(), Some("sub:ann"), "l"),
            keyed_id(&other, Some("sub:ann"), "k"),
        ] {
            assert_ne!(id, different);
        }
    }
}
