//! The WebSocket handshake (RFC 6455, section 4.2): checks the request, admits the person, answers 101 and hands the stream over.
//!
//! Nothing is refused silently: a wrong request gets a status and a sentence.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use warp::reply::{Reply, Response};

use super::{Connections, Socket, Visitor};
use crate::access::{Denied, From, Identity, Knock, Request as Asked, events};
use crate::room::Address;
use crate::telemetry::{LimitMet, RefusedUpgrade};

/// Whether a request asks for a WebSocket.
pub fn is_upgrade<B>(request: &Request<B>) -> bool {
    has_token(request.headers(), &UPGRADE, "websocket")
}

/// Answers the handshake; on success the session runs in a task of its own.
pub fn upgrade<B>(
    connections: &Arc<Connections>,
    request: &mut Request<B>,
    visitor: Visitor,
) -> Response {
    let response = answer(connections, request, visitor);
    let metrics = connections.metrics();
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => {
            metrics.opened.inc();
        }
        StatusCode::UPGRADE_REQUIRED => metrics.refused.count(RefusedUpgrade::UpgradeRequired),
        StatusCode::FORBIDDEN => metrics.refused.count(RefusedUpgrade::Forbidden),
        StatusCode::TOO_MANY_REQUESTS => metrics.refused.count(RefusedUpgrade::TooManyRequests),
        StatusCode::SERVICE_UNAVAILABLE => metrics.refused.count(RefusedUpgrade::Unavailable),
        _ => metrics.refused.count(RefusedUpgrade::BadRequest),
    }
    response
}

fn answer<B>(
    connections: &Arc<Connections>,
    request: &mut Request<B>,
    visitor: Visitor,
) -> Response {
    let headers = request.headers();
    if request.method() != Method::GET
        || request.version() != Version::HTTP_11
        || !has_token(headers, &CONNECTION, "upgrade")
    {
        return refuse(
            StatusCode::BAD_REQUEST,
            "a WebSocket begins with GET, HTTP/1.1 and `Connection: Upgrade`",
        );
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let mut response = refuse(
            StatusCode::UPGRADE_REQUIRED,
            "only WebSocket version 13 is spoken here",
        );
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    let Some(key) = key.filter(|key| BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16))
    else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "the header Sec-WebSocket-Key is missing, or not 16 bytes in base64",
        );
    };
    let accept = derive_accept_key(key);
    let Address { room, link } = match Address::from_path(request.uri().path()) {
        Ok(address) => address,
        Err(bad) => return refuse(StatusCode::BAD_REQUEST, &bad.to_string()),
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if !connections.gate.serves_host(host) {
        return refuse(
            StatusCode::FORBIDDEN,
            "this server is open to this machine only, and answers to its names only: localhost or 127.0.0.1",
        );
    }
    let asked = Asked {
        headers,
        query: request.uri().query(),
        link: link.as_ref(),
        peer: visitor.address,
        is_local: visitor.is_local(),
    };
    let knock = Knock::of(&*connections.gate, &asked);
    if knock.from == From::ForeignPage {
        let denied = Denied::ForeignPage;
        events::auth_failed(&denied, Some(&room), knock.peer, &Identity::default());
        return refuse(StatusCode::FORBIDDEN, &denied.to_string());
    }
    if connections.refuse.is_cancelled() {
        return later(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping");
    }
    if connections.holds.refuses(visitor.address) {
        return later(
            StatusCode::TOO_MANY_REQUESTS,
            "too many refused connections from this address",
        );
    }
    let place = match connections.places.take(&visitor, &room) {
        Ok(place) => place,
        Err(limit) => return full(connections, limit),
    };
    // A browser fails the handshake unless one of the protocols that it offers is chosen.
    let protocol = headers
        .get(SEC_WEBSOCKET_PROTOCOL)
        .and_then(|offered| offered.to_str().ok()?.split(',').next())
        .and_then(|first| HeaderValue::from_str(first.trim()).ok());

    let upgrading = hyper::upgrade::on(request);
    let this = connections.clone();
    connections.sessions.spawn(async move {
        if let Some(socket) = Box::pin(take_over(&this, upgrading)).await {
            this.serve(socket, room, knock).await;
        }
        drop(place);
    });

    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        SEC_WEBSOCKET_ACCEPT,
        HeaderValue::from_str(&accept).expect("base64 is a valid header"),
    );
    if let Some(protocol) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// The socket, once the answer to its handshake has gone out.
async fn take_over(connections: &Connections, upgrading: OnUpgrade) -> Option<Box<Socket>> {
    match upgrading
        .await
        .map(Upgraded::downcast::<TokioIo<TcpStream>>)
    {
        Ok(Ok(parts)) => {
            // A copy: the bytes stand in the request's buffer, which would stay for as long as the connection does.
            let read = parts.read_buf.to_vec();
            drop(parts.read_buf);
            let stream = parts.io.into_inner();
            let opening =
                connections
                    .sockets
                    .open(stream, read, &connections.rooms.shared().metrics);
            Some(Box::new(opening.await))
        }
        Ok(Err(_)) => {
            tracing::error!("the upgraded stream is not the one that was accepted");
            None
        }
        Err(error) => {
            tracing::debug!(%error, "upgrade broke off");
            None
        }
    }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

fn refuse(status: StatusCode, sentence: &str) -> Response {
    warp::reply::with_status(format!("{sentence}\n"), status).into_response()
}

/// What somebody is told for whom there is no place.
fn full(connections: &Connections, limit: LimitMet) -> Response {
    connections.rooms.shared().metrics.limits.count(limit);
    let (status, sentence) = match limit {
        LimitMet::PerAddress => (
            StatusCode::TOO_MANY_REQUESTS,
            "too many connections from this address (SCRIBLE_MAX_CONNECTIONS_PER_ADDRESS)",
        ),
        LimitMet::PerRoom => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the room has as many connections as it may have (SCRIBLE_MAX_CONNECTIONS_PER_ROOM)",
        ),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the server has as many connections as it may have (SCRIBLE_MAX_CONNECTIONS)",
        ),
    };
    later(status, sentence)
}

fn later(status: StatusCode, sentence: &str) -> Response {
    let mut response = refuse(status, sentence);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}
