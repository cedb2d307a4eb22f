//! Every address of the API in one table: what answers it, and what is said about it in the OpenAPI document.
//!
//! The one rule: what is not in the table is not served, and what is in it is documented.

use futures_util::future::BoxFuture;
use warp::http::Method;

use super::call::{Answer, Call};
use super::{
    assets, documents, events, exports, invites, join, people, previews, rooms, snapshots,
};
use crate::access::Role;

/// An address and a method.
pub struct Route {
    /// `{room}` and one more placeholder stand for a segment each. Two paths may differ in what their placeholders are called alone, where
    /// their methods differ.
    pub path: &'static str,
    /// How it is asked.
    pub method: Method,
    /// What it is called in programs.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Who may ask.
    pub who: Who,
    /// What it takes.
    pub takes: Takes,
    /// What may stand behind the `?`.
    pub query: &'static [Parameter],
    /// How it answers where all is well.
    pub gives: Gives,
    /// Refusals that only this one knows, with what they mean.
    pub refuses: &'static [(u16, &'static str)],
    /// Answers it.
    pub run: fn(Call) -> BoxFuture<'static, Answer>,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    Anyone,
    /// Who may make rooms.
    Creator,
    /// Who has this role in the room, or a higher one.
    Has(Role),
    /// Admins only.
    Admin,
}

/// What a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// JSON of this schema.
    Json(&'static str),
    /// The same, or nothing.
    MaybeJson(&'static str),
    /// A file.
    Bytes,
    /// What boards show.
    Picture,
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// A status alone.
    Status(u16),
    /// JSON of this schema.
    Json(u16, &'static str),
    /// JSON of no particular form.
    AnyJson,
    /// A Yjs update.
    Bytes,
    /// A picture of this type, or nothing where the client has it.
    Picture(&'static str),
    /// A file, or a part of it.
    File,
    /// Server-sent events, the data of each of this schema.
    Events(&'static str),
}

/// Something behind the `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What it may be.
    pub kind: Kind,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// How many of a list.
    Limit,
    /// px of a picture.
    Width,
    /// The number of a version.
    Version,
}

const LIMIT: Parameter = Parameter {
    name: "limit",
    about: "how many at most",
    kind: Kind::Limit,
};
const CURSOR: Parameter = Parameter {
    name: "cursor",
    about: "`next` of the page before",
    kind: Kind::Text,
};
const PAGED: &[Parameter] = &[LIMIT, CURSOR];
const PREVIEW: &[Parameter] = &[
    Parameter {
        name: "width",
        about: "px of the longer side at most; 512 of a png if not said",
        kind: Kind::Width,
    },
    Parameter {
        name: "dark",
        about: "as the editor looks in the dark",
        kind: Kind::Flag,
    },
    Parameter {
        name: "version",
        about: "this version instead of what is there",
        kind: Kind::Version,
    },
];
const VIEWER: Who = Who::Has(Role::Viewer);
const EDITOR: Who = Who::Has(Role::Editor);
const OWNER: Who = Who::Has(Role::Owner);
const EXISTS: (u16, &str) = (409, "`room-exists`");
const KEY_REUSED: (u16, &str) = (422, "`idempotency-key-reused`");
/// Where viewers may be kept from exporting.
const KEPT: &[(u16, &str)] = &[(
    403,
    "`export-forbidden`, `forbidden`, `blocked`, `foreign-page` or `foreign-host`",
)];
const NO_VERSION: (u16, &str) = (
    404,
    "`room-not-found` or `version-not-found`. For whoever could come in",
);
const SHOWING: &[(u16, &str)] = &[
    KEPT[0],
    NO_VERSION,
    (422, "`not-drawable`"),
    (429, "`too-often` for this room, or `too-many-attempts`"),
];
const ORDERING: &[(u16, &str)] = &[
    KEPT[0],
    NO_VERSION,
    KEY_REUSED,
    (
        429,
        "`too-many-exports` of this room wait, or `too-many-attempts`",
    ),
];
const FULL: (u16, &str) = (409, "`room-full`, or `update-incomplete`");

const TOLD: (u16, &str) = (422, "`secret-in-update`: your own link or token is in it");

/// A line of the table.
macro_rules! route {
    ($method:ident $path:literal, $name:literal, $summary:literal, $who:expr, $takes:expr, $query:expr, $gives:expr, $refuses:expr, $run:path) => {
        Route {
            path: $path,
            method: Method::$method,
            name: $name,
            summary: $summary,
            who: $who,
            takes: $takes,
            query: $query,
            gives: $gives,
            refuses: $refuses,
            run: |call| Box::pin($run(call)),
        }
    };
}

/// All of them.
#[rustfmt::skip]
pub static ROUTES: &[Route] = &[
    route!(POST "/api/rooms", "createRoom", "Make a room", Who::Creator, Takes::MaybeJson("NewRoom"), &[], Gives::Json(201, "Room"),
        &[EXISTS, KEY_REUSED], rooms::create),
    route!(GET "/api/rooms", "listRooms", "List the rooms that you may know of, by name", Who::Anyone, Takes::Nothing,
        &[
            Parameter { name: "search", about: "only those with this text in name or title", kind: Kind::Text },
            Parameter { name: "deleted", about: "deleted rooms, for admins and their owners", kind: Kind::Flag },
            LIMIT, CURSOR,
        ], Gives::Json(200, "RoomList"), &[], rooms::list),
    route!(GET "/api/rooms/{room}", "getRoom", "Show a room", VIEWER, Takes::Nothing, &[], Gives::Json(200, "Room"), &[], rooms::get),
    route!(PATCH "/api/rooms/{room}", "changeRoom", "Change a room; whoever may not be in it any more is out at once", OWNER,
        Takes::Json("RoomPatch"), &[], Gives::Json(200, "Room"), &[], rooms::patch),
    route!(DELETE "/api/rooms/{room}", "deleteRoom", "Delete a room; it can be restored until it is purged", OWNER, Takes::Nothing, &[],
        Gives::Status(204), &[], rooms::delete),
    route!(POST "/api/rooms/{room}/duplicate", "duplicateRoom", "Make another room with what is in this one; you must be allowed to make rooms",
        VIEWER, Takes::MaybeJson("NewCopy"), &[], Gives::Json(201, "Room"), &[(409, "`room-exists`, or `room-full`"), KEY_REUSED], rooms::duplicate),
    route!(POST "/api/rooms/{room}/restore", "restoreRoom", "Bring a deleted room back; for its owner and for admins", OWNER, Takes::Nothing,
        &[], Gives::Json(200, "Room"), &[], rooms::restore),
    route!(POST "/api/rooms/{room}/purge", "purgeRoom", "End a deleted room for ever", Who::Admin, Takes::Nothing, &[], Gives::Status(204),
        &[(409, "`room-not-deleted`")], rooms::purge),

    route!(POST "/api/rooms/{room}/invites", "createInvite", "Make an invite; its secret is told this once", OWNER, Takes::Json("NewInvite"),
        &[], Gives::Json(201, "GivenInvite"), &[(409, "`invite-given`"), KEY_REUSED], invites::create),
    route!(GET "/api/rooms/{room}/invites", "listInvites", "List the invites, newest first, dead ones included", OWNER, Takes::Nothing, PAGED,
        Gives::Json(200, "InviteList"), &[], invites::list),
    route!(DELETE "/api/rooms/{room}/invites/{id}", "revokeInvite", "Revoke an invite; whoever came by it is out at once", OWNER,
        Takes::Nothing, &[], Gives::Status(204), &[], invites::revoke),
    route!(GET "/api/rooms/{room}/grants", "listGrants", "List who came by password or invite, newest first", OWNER, Takes::Nothing, PAGED,
        Gives::Json(200, "GrantList"), &[], invites::grants),
    route!(DELETE "/api/rooms/{room}/grants/{id}", "revokeGrant", "Revoke a grant; whoever has it is out at once", OWNER, Takes::Nothing, &[],
        Gives::Status(204), &[], invites::revoke_grant),

    route!(GET "/api/rooms/{room}/join", "lookAtRoom", "Say what it takes to come in", Who::Anyone, Takes::Nothing, &[],
        Gives::Json(200, "WayIn"), &[], join::look),
    route!(POST "/api/rooms/{room}/join", "joinRoom", "Come in by a password or an invite; sets the session cookie", Who::Anyone,
        Takes::MaybeJson("Join"), &[], Gives::Json(200, "Joined"), &[(429, "`too-many-attempts`; `Retry-After` says when")], join::join),

    route!(GET "/api/rooms/{room}/participants", "listParticipants", "List who is and was in the room, newest first", EDITOR, Takes::Nothing,
        PAGED, Gives::Json(200, "ParticipantList"), &[], people::participants),
    route!(GET "/api/rooms/{room}/presence", "getPresence", "Show everybody's cursor and state, on all nodes", VIEWER, Takes::Nothing, &[],
        Gives::Json(200, "PresenceList"), &[], people::presence),
    route!(POST "/api/rooms/{room}/kick", "kick", "Send somebody out for a while", OWNER, Takes::Json("KickOrder"), &[], Gives::Status(202),
        &[], people::kick),

    route!(GET "/api/rooms/{room}/update", "getUpdate", "Read the document as a Yjs update (v1)", VIEWER, Takes::Nothing,
        &[Parameter { name: "since", about: "a state vector in base64url: only what it lacks", kind: Kind::Text }],
        Gives::Bytes, &[], documents::update),
    route!(POST "/api/rooms/{room}/update", "applyUpdate", "Put a Yjs update (v1) into the document; it is stored once this is answered", EDITOR,
        Takes::Bytes, &[], Gives::Json(200, "Applied"), &[FULL, TOLD], documents::apply),
    route!(GET "/api/rooms/{room}/json", "getJson", "Read the document as JSON, an object with a value for each root", VIEWER, Takes::Nothing,
        &[], Gives::AnyJson, &[], documents::json),
    route!(POST "/api/rooms/{room}/import", "importFile", "Put a file into the document: a Yjs update, a .tldr file, a tldraw snapshot", EDITOR,
        Takes::Bytes,
        &[
            Parameter { name: "root", about: "the array for a board's records; `tl_<room>` if not given", kind: Kind::Text },
            Parameter { name: "merge", about: "put a board into a room that has content", kind: Kind::Flag },
        ],
        Gives::Json(200, "Imported"), &[FULL, TOLD], documents::import),
    route!(GET "/api/rooms/{room}/usage", "getUsage", "Say how much the room takes", VIEWER, Takes::Nothing, &[], Gives::Json(200, "Usage"),
        &[], documents::usage),

    route!(GET "/api/rooms/{room}/assets", "listAssets", "List the files that were pasted into the board, newest first", VIEWER, Takes::Nothing,
        PAGED, Gives::Json(200, "AssetList"), &[], assets::list),
    route!(PUT "/api/rooms/{room}/assets/{name}", "putAsset", "Keep a picture or film under a name; what it is its bytes say", EDITOR, Takes::Picture,
        &[], Gives::Json(201, "AssetFile"), &[(409, "`asset-exists`: the name has another content; or `assets-full`")], assets::put),
    route!(GET "/api/rooms/{room}/assets/{name}", "getAsset", "Get a file that was pasted into the board, or a part of it", VIEWER, Takes::Nothing, &[],
        Gives::File, &[], assets::get),

    route!(GET "/api/rooms/{room}/snapshots", "listSnapshots", "List the versions, newest first", VIEWER, Takes::Nothing, PAGED,
        Gives::Json(200, "SnapshotList"), &[], snapshots::list),
    route!(POST "/api/rooms/{room}/snapshots", "createSnapshot", "Keep what is in the room as a named version", EDITOR,
        Takes::Json("SnapshotLabel"), &[], Gives::Json(201, "Snapshot"), &[KEY_REUSED], snapshots::create),
    route!(GET "/api/rooms/{room}/snapshots/{version}", "getSnapshot", "Read a version as a Yjs update (v1)", VIEWER, Takes::Nothing, &[],
        Gives::Bytes, &[], snapshots::get),
    route!(GET "/api/rooms/{room}/snapshots/{version}/json", "getSnapshotJson", "Read a version as JSON", VIEWER, Takes::Nothing, &[],
        Gives::AnyJson, &[], snapshots::json),
    route!(PATCH "/api/rooms/{room}/snapshots/{version}", "labelSnapshot", "Name a version", EDITOR, Takes::Json("SnapshotLabel"), &[],
        Gives::Json(200, "Snapshot"), &[], snapshots::label),
    route!(DELETE "/api/rooms/{room}/snapshots/{version}", "deleteSnapshot", "Take a version out of the list", OWNER, Takes::Nothing, &[],
        Gives::Status(204), &[], snapshots::delete),
    route!(POST "/api/rooms/{room}/snapshots/{version}/restore", "restoreSnapshot",
        "Make the room show what the version shows; everybody in it sees that at once", EDITOR, Takes::Nothing, &[],
        Gives::Json(200, "RestoredSnapshot"), &[(409, "`room-full`")], snapshots::restore),

    route!(GET "/api/rooms/{room}/preview.svg", "getPreviewSvg", "Show the first page of the board, or of a version of it, as a small picture of paths", VIEWER,
        Takes::Nothing, PREVIEW, Gives::Picture("image/svg+xml"), SHOWING, previews::svg),
    route!(GET "/api/rooms/{room}/preview.png", "getPreviewPng", "Show the first page of the board, or of a version of it, as a small picture of pixels", VIEWER,
        Takes::Nothing, PREVIEW, Gives::Picture("image/png"), SHOWING, previews::png),

    route!(POST "/api/exports/{room}", "orderExport", "Order a picture or a file of the board; all that was acknowledged before is in it",
        VIEWER, Takes::Json("NewExport"), &[], Gives::Json(202, "Export"), ORDERING, exports::order),
    route!(GET "/api/rooms/{room}/exports", "listExports", "List the exports, newest first", VIEWER, Takes::Nothing, PAGED,
        Gives::Json(200, "ExportList"), KEPT, exports::list),
    route!(GET "/api/exports/{export}", "getExport", "Show an export, with a link to its file once that is there", VIEWER, Takes::Nothing,
        &[], Gives::Json(200, "Export"), &[], exports::get),
    route!(POST "/api/exports/{export}/cancel", "cancelExport", "Cancel an export; for whoever ordered it, and for editors", VIEWER,
        Takes::Nothing, &[], Gives::Json(200, "Export"), &[], exports::cancel),
    route!(DELETE "/api/exports/{export}", "deleteExport", "Delete an export and its file; for whoever ordered it, and for editors", VIEWER,
        Takes::Nothing, &[], Gives::Status(204), &[], exports::delete),

    route!(GET "/api/events", "watchRooms", "Follow the rooms that are open on this node, as server-sent events", Who::Admin, Takes::Nothing,
        &[Parameter { name: "once", about: "end after the first event", kind: Kind::Flag }], Gives::Events("LiveRooms"), &[], events::events),
];

/// What stands in an address for the placeholders of a path, if it is that path.
pub fn fits<'a>(path: &str, address: &'a str) -> Option<Vec<(&'a str, bool)>> {
    let (mut wanted, mut given) = (path.split('/'), address.split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(wanted), Some(given)) if wanted.starts_with('{') => {
                found.push((given, wanted == "{room}"));
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}
