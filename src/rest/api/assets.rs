//! `/api/rooms/{room}/assets`: what people paste into a board.
//!
//! The one rule: an address of a file holds no secret, because boards keep it.

use percent_encoding::percent_decode_str;
use scrible_objects::{ContentType, Disposition, ObjectError};
use scrible_store::Asset;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;
use warp::http::header::HeaderValue;
use warp::reply::Reply;

use super::call::{Answer, Call, cursor_at, ok};
use super::encoded;
use super::words::time;
use crate::access::{Denied, From, Knock};
use crate::rest::error::Problem;
use crate::rest::serve::{Asked, Told, serve};
use crate::service::{Pasted, ServiceError};

/// Who may have it changes, and what a name means where the room was purged: kept copies are asked about, which costs a 304.
const CACHE: &str = "private, no-cache";

/// A file of a board.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssetFile {
    /// As it was called when it was put.
    name: String,
    /// Where it is, without anything that lets somebody in.
    url: String,
    /// What it is, as its bytes say.
    content_type: String,
    /// In bytes.
    size: u64,
    /// Who brought it: `sub:` and a subject, or `grant:` and an id.
    author: Option<String>,
    #[schema(format = "date-time")]
    created: String,
}

/// Files, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssetList {
    assets: Vec<AssetFile>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

impl AssetFile {
    fn of(call: &Call, asset: Asset) -> Result<Self, Problem> {
        let room = encoded(call.room()?.as_str());
        let url = format!(
            "{}/api/rooms/{room}/assets/{}",
            call.base_url(),
            encoded(&asset.name)
        );
        Ok(Self {
            url,
            name: asset.name.to_string(),
            content_type: asset.content_type.to_string(),
            size: asset.size,
            author: asset.created_by.map(|by| by.to_string()),
            created: time(asset.created_ms),
        })
    }
}

/// `PUT /api/rooms/{room}/assets/{name}`
pub async fn put(call: Call) -> Answer {
    let name = name(&call)?;
    let (room, bytes) = (call.room()?, call.body.clone());
    let putting = call.services.put_asset(room, &call.knock, &name, bytes);
    let Pasted { asset, before } = putting.await?;
    let body = warp::reply::json(&AssetFile::of(&call, asset)?);
    let status = match before {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok(warp::reply::with_status(body, status).into_response())
}

/// `GET /api/rooms/{room}/assets/{name}`
pub async fn get(call: Call) -> Answer {
    refuse_other_sites(&call)?;
    let name = name(&call)?;
    let (asset, key) = call
        .services
        .asset(call.room()?, &call.knock, &name)
        .await?;
    let hash: String = asset
        .content
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let unreadable = |error: ObjectError| Problem::from(ServiceError::from(error));
    let told = Told {
        etag: Some(format!("\"{hash}\"")),
        content_type: Some(ContentType::try_from(&*asset.content_type).map_err(unreadable)?),
        disposition: Some(Disposition::inline(&asset.name)),
        cache: CACHE,
    };
    let asked = Asked {
        method: &call.method,
        headers: &call.headers,
    };
    let objects = &*call.services.files().objects;
    let mut response = serve(objects, &key, &asked, told)
        .await
        .map_err(unreadable)?;
    // A page that may not show it was not given it.
    let policy = HeaderValue::from_static("cross-origin");
    let headers = response.headers_mut();
    headers.insert("cross-origin-resource-policy", policy);
    Ok(response)
}

/// `GET /api/rooms/{room}/assets`
pub async fn list(call: Call) -> Answer {
    let page = call.page()?;
    let listed = call
        .services
        .assets(call.room()?, &call.knock, page)
        .await?;
    let last = listed.items.last().filter(|_| listed.more);
    let next = last.map(|last| cursor_at(&last.id.to_string()));
    let assets = listed.items.into_iter();
    let assets = assets
        .map(|asset| AssetFile::of(&call, asset))
        .collect::<Result<_, _>>()?;
    Ok(ok(&AssetList { assets, next }))
}

/// A page elsewhere can show a picture of this machine's server with `<img>`, for which browsers name no origin; but they say that it is from
/// elsewhere. What is in the address lets in whoever has it.
fn refuse_other_sites(call: &Call) -> Result<(), Problem> {
    let is_elsewhere = call
        .headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    let Knock {
        credentials,
        from,
        is_local,
        ..
    } = &call.knock;
    let by_secret = credentials.token.is_some() || credentials.link.is_some();
    match is_elsewhere && *from == From::NoPage && *is_local && !by_secret {
        true => Err(Denied::ForeignPage.into()),
        false => Ok(()),
    }
}

fn name(call: &Call) -> Result<String, Problem> {
    let raw = call.number.as_deref().unwrap_or_default();
    let name = percent_decode_str(raw).decode_utf8();
    let name = name.map_err(|_| Problem::invalid("the name of the file is not UTF-8"))?;
    Ok(name.into_owned())
}
