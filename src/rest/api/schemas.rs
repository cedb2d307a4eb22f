//! The bodies of the API, by name, for the OpenAPI document.

use utoipa::OpenApi;

use super::words::RoleName;
use super::{assets, documents, events, exports, invites, join, people, rooms, snapshots};
use crate::rest::error::ProblemBody;

/// Every body that a route takes or gives.
#[derive(OpenApi)]
#[openapi(components(schemas(
    ProblemBody,
    RoleName,
    assets::AssetFile,
    assets::AssetList,
    documents::Applied,
    documents::Imported,
    documents::Usage,
    events::LiveRooms,
    events::OpenRoom,
    exports::BackgroundName,
    exports::Export,
    exports::ExportError,
    exports::ExportList,
    exports::ExportStateName,
    exports::FormatName,
    exports::NewExport,
    exports::PageName,
    invites::GivenInvite,
    invites::Grant,
    invites::GrantList,
    invites::Invite,
    invites::InviteList,
    invites::NewInvite,
    join::Join,
    join::JoinVia,
    join::Joined,
    join::Needs,
    join::WayIn,
    people::KickOrder,
    people::Participant,
    people::ParticipantList,
    people::Presence,
    people::PresenceList,
    rooms::NewCopy,
    rooms::NewRoom,
    rooms::Room,
    rooms::RoomList,
    rooms::RoomPatch,
    rooms::Visibility,
    snapshots::RestoredSnapshot,
    snapshots::Snapshot,
    snapshots::SnapshotLabel,
    snapshots::SnapshotList,
)))]
pub struct Schemas;
