//! `/api/rooms`: rooms themselves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;
use warp::http::header::{HeaderValue, LOCATION};
use warp::reply::Reply;

use super::call::{Answer, Call, created, cursor_at, done, ok};
use super::encoded;
use super::words::{RoleName, given, time};
use crate::rest::error::Problem;
use crate::room::RoomName;
use crate::service::{Duplicate, RoomView, RoomWish, RoomsQuery};

/// Bytes of what is searched for.
const MAX_SEARCH_BYTES: usize = 255;

/// Whom a room lets in who has nothing to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Nobody.
    Private,
    /// Everybody; where the room has a password, everybody who knows it.
    Public,
}

/// A room.
#[derive(Debug, Serialize, ToSchema)]
pub struct Room {
    /// Its name, as in `new WebsocketProvider(url, name, doc)`.
    name: String,
    /// What people call it.
    title: Option<String>,
    /// The subject (`sub`) whose room it is.
    owner: Option<String>,
    /// `null` until somebody decides.
    visibility: Option<Visibility>,
    /// What those get who come by visibility or password.
    link_role: RoleName,
    has_password: bool,
    /// Where people go who have joined, instead of the server's setting: a URL with `{room}`.
    frontend: Option<String>,
    /// Whether viewers may export it.
    viewers_export: bool,
    #[schema(format = "date-time")]
    created: String,
    /// When it was last changed.
    #[schema(format = "date-time")]
    last_active: String,
    /// When it was deleted, if it was.
    #[schema(format = "date-time")]
    deleted: Option<String>,
    /// What you may do in it; `null` in lists.
    role: Option<RoleName>,
    /// The page at which people join it.
    #[schema(format = "uri")]
    join_url: String,
}

/// Rooms by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomList {
    rooms: Vec<Room>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// A room to be made.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoom {
    /// At most 255 bytes; a random one if not given.
    name: Option<String>,
    /// At most 512 bytes.
    title: Option<String>,
    visibility: Option<Visibility>,
    /// `editor` if not given.
    link_role: Option<RoleName>,
    /// 1 to 128 bytes.
    password: Option<String>,
    /// A URL with `{room}`, of an origin that the operator has named.
    frontend: Option<String>,
    /// `true` if not given.
    viewers_export: Option<bool>,
}

/// What is to be changed of a room. What is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomPatch {
    /// `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    title: Option<Option<String>>,
    /// For admins to say. `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    owner: Option<Option<String>>,
    visibility: Option<Visibility>,
    link_role: Option<RoleName>,
    /// `null` takes it away. Either ends what was let in by the earlier one.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    password: Option<Option<String>>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    frontend: Option<Option<String>>,
    viewers_export: Option<bool>,
}

/// What a copy is called.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCopy {
    /// A random one if not given.
    name: Option<String>,
    /// That of the original if not given.
    title: Option<String>,
}

/// `POST /api/rooms`
pub async fn create(call: Call) -> Answer {
    let new: NewRoom = call.json_or_default()?;
    let key = call.idempotency_key()?;
    let name = named(new.name)?;
    let wish = RoomWish {
        title: new.title.map(Some),
        owner: None,
        visibility: new.visibility.map(Into::into),
        link_role: new.link_role.map(Into::into),
        password: new.password.map(Some),
        frontend: new.frontend.map(Some),
        viewers_export: new.viewers_export,
    };
    let key = key.map(|key| (key, &call.body[..]));
    let creating = call.services.create_room(&call.knock, name, wish, key);
    let room = creating.await?.room;
    located(&call, room)
}

/// `GET /api/rooms`
pub async fn list(call: Call) -> Answer {
    let search = call.parameter("search").filter(|text| !text.is_empty());
    if search
        .as_ref()
        .is_some_and(|text| text.len() > MAX_SEARCH_BYTES || text.contains('\0'))
    {
        let why = format!("`search` has at most {MAX_SEARCH_BYTES} bytes, and no U+0000");
        return Err(Problem::invalid(why));
    }
    let query = RoomsQuery {
        after: call.cursor()?.map(Into::into),
        limit: call.limit()?,
        search: search.map(Into::into),
        deleted: call.flag("deleted")?,
    };
    let listed = call.services.list_rooms(&call.knock, query).await?;
    let last = listed.items.last().filter(|_| listed.more);
    let next = last.map(|last| cursor_at(&last.entry.name));
    let base_url = call.base_url();
    let rooms = listed.items.into_iter();
    let rooms = rooms.map(|room| Room::of(room, &base_url)).collect();
    Ok(ok(&RoomList { rooms, next }))
}

/// `GET /api/rooms/{room}`
pub async fn get(call: Call) -> Answer {
    let view = call.services.room(call.room()?, &call.knock).await?;
    Ok(ok(&Room::of(view, &call.base_url())))
}

/// `PATCH /api/rooms/{room}`
pub async fn patch(call: Call) -> Answer {
    let patch: RoomPatch = call.json()?;
    let wish = RoomWish {
        title: patch.title,
        owner: patch.owner,
        visibility: patch.visibility.map(Into::into),
        link_role: patch.link_role.map(Into::into),
        password: patch.password,
        frontend: patch.frontend,
        viewers_export: patch.viewers_export,
    };
    let changing = call.services.change_room(call.room()?, &call.knock, wish);
    Ok(ok(&Room::of(changing.await?, &call.base_url())))
}

/// `POST /api/rooms/{room}/duplicate`
pub async fn duplicate(call: Call) -> Answer {
    let copy: NewCopy = call.json_or_default()?;
    let key = call.idempotency_key()?;
    let duplicate = Duplicate {
        name: named(copy.name)?,
        title: copy.title,
    };
    let key = key.map(|key| (key, &call.body[..]));
    let copying = call
        .services
        .duplicate_room(call.room()?, &call.knock, duplicate, key);
    let copy = copying.await?;
    located(&call, copy)
}

/// `DELETE /api/rooms/{room}`
pub async fn delete(call: Call) -> Answer {
    call.services.delete_room(call.room()?, &call.knock).await?;
    Ok(done())
}

/// `POST /api/rooms/{room}/restore`
pub async fn restore(call: Call) -> Answer {
    let restoring = call.services.undelete_room(call.room()?, &call.knock);
    Ok(ok(&Room::of(restoring.await?, &call.base_url())))
}

/// `POST /api/rooms/{room}/purge`
pub async fn purge(call: Call) -> Answer {
    call.services.purge_room(call.room()?, &call.knock).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn named(name: Option<String>) -> Result<Option<RoomName>, Problem> {
    Ok(name.as_deref().map(RoomName::new).transpose()?)
}

/// A room that is new, and where it is.
fn located(call: &Call, room: RoomView) -> Answer {
    let location = format!("/api/rooms/{}", encoded(&room.entry.name));
    let mut response = created(&Room::of(room, &call.base_url()));
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

impl Room {
    /// As whoever reaches the server at `base_url` sees it.
    fn of(RoomView { entry, role }: RoomView, base_url: &str) -> Self {
        let text = |text: Option<std::sync::Arc<str>>| text.map(|text| text.to_string());
        Self {
            join_url: format!("{base_url}/join/{}", encoded(&entry.name)),
            name: entry.name.to_string(),
            title: text(entry.title),
            owner: text(entry.owner),
            visibility: entry.visibility.map(Into::into),
            link_role: entry.link_role.into(),
            has_password: entry.password.is_some(),
            frontend: text(entry.frontend),
            viewers_export: entry.viewers_export,
            created: time(entry.created_ms),
            last_active: time(entry.active_ms),
            deleted: entry.deleted_ms.map(time),
            role: role.map(Into::into),
        }
    }
}

impl From<Visibility> for scrible_store::Visibility {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Private => Self::Private,
            Visibility::Public => Self::Public,
        }
    }
}

impl From<scrible_store::Visibility> for Visibility {
    fn from(visibility: scrible_store::Visibility) -> Self {
        match visibility {
            scrible_store::Visibility::Private => Self::Private,
            scrible_store::Visibility::Public => Self::Public,
        }
    }
}
