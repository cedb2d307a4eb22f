//! `GET /`: what this is, how to connect, and, for whoever sits at this machine, which rooms are live.
//!
//! The list names rooms, so it is shown only to who sits at this machine: a web page elsewhere that points its own name at 127.0.0.1 must not
//! read it.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use warp::http::HeaderMap;
use warp::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderValue};
use warp::reply::{Reply, Response};

use super::View;
use crate::access::sits_here;
use crate::room::RoomInfo;
use crate::socket::Visitor;

const STYLE: &str = include_str!("page.css");

/// The page for a visitor.
pub fn page(view: &View, visitor: &Visitor, headers: &HeaderMap) -> Response {
    let rooms = is_local(visitor, headers).then(|| view.rooms.live());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let mut response =
        warp::reply::html(render(host.unwrap_or("localhost:3001"), rooms.as_deref()).into_string())
            .into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    );
    response
}

/// Whether a visitor may read names of rooms: whoever would own every room of an open server.
pub fn is_local(visitor: &Visitor, headers: &HeaderMap) -> bool {
    visitor.is_local() && sits_here(headers)
}

fn render(host: &str, rooms: Option<&[RoomInfo]>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Scrible" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { "Scrible" }
                    p.lead {
                        "A sync server for collaborative whiteboards. tldraw, Excalidraw, Tiptap and every other Yjs editor connects unchanged; "
                        "what it acknowledges is stored."
                    }
                    h2 { "Connect" }
                    pre { code {
                        "import * as Y from 'yjs'\n"
                        "import { WebsocketProvider } from 'y-websocket'\n\n"
                        "const doc = new Y.Doc()\n"
                        "new WebsocketProvider('ws://" (host) "', 'my-room', doc)"
                    } }
                    p { "Everyone who opens " code { "my-room" } " edits the same document. Any other name is another room." }
                    @if let Some(rooms) = rooms { (live(rooms)) }
                    p.foot { a href="/health" { "Health" } " · version " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
    }
}

fn live(rooms: &[RoomInfo]) -> Markup {
    let others = rooms.iter().any(|room| room.people_elsewhere > 0);
    html! {
        h2 { "Live rooms" }
        @if rooms.is_empty() {
            p.empty { "Nobody is drawing yet. Rooms appear here as soon as a client connects; reload to look again." }
        } @else {
            table {
                thead { tr { th { "Room" } th.number { "Connections" @if others { " here" } } th.number { "People" } th.number { "In memory" } } }
                tbody {
                    @for room in rooms {
                        tr {
                            td { bdi { (room.name) } }
                            td.number { (room.sessions) }
                            td.number {
                                (room.people)
                                @if room.people_elsewhere > 0 { ", " (room.people_elsewhere) " on other nodes" }
                            }
                            td.number { (bytesize::ByteSize(room.bytes as u64)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::RoomName;
    use crate::socket::TrustedProxies;

    #[test]
    fn p1_rooms_are_listed_only_for_who_sits_at_this_machine() {
        let visitor = |address: [u8; 4], headers: &HeaderMap| {
            TrustedProxies::default().visitor(address.into(), headers)
        };
        let page = ("origin", "http://localhost:5173");
        for (list, listed) in [
            (&[("host", "localhost:3001")][..], true),
            (&[("host", "127.0.0.1")], true),
            (&[("host", "[::1]:3001")], true),
            (&[("host", "app.localhost:80"), page], true),
            (&[("host", "evil.example")], false),
            (&[("host", "localhost.evil.example")], false),
            (&[("host", "10.0.0.1:3001")], false),
            (&[("host", "")], false),
            (&[("host", "127.0.0.1.evil.example")], false),
            (&[], false),
            // A page elsewhere that asks by the address of this machine, and what is in doubt.
            (
                &[("host", "localhost"), ("origin", "https://evil.example")],
                false,
            ),
            (&[("host", "localhost"), ("origin", "null")], false),
            (&[("host", "localhost"), page, page], false),
            (&[("host", "localhost"), ("host", "localhost")], false),
            (
                &[("host", "localhost"), ("x-forwarded-for", "127.0.0.1")],
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in list {
                headers.append(*name, value.parse().unwrap());
            }
            let here = visitor([127, 0, 0, 1], &headers);
            assert_eq!(is_local(&here, &headers), listed, "{list:?}");
            let elsewhere = visitor([192, 0, 2, 1], &headers);
            assert!(!is_local(&elsewhere, &headers), "{list:?}");
        }
    }

    fn info(name: &str) -> RoomInfo {
        RoomInfo {
            name: RoomName::new(name).unwrap(),
            sessions: 2,
            people: 1,
            people_elsewhere: 0,
            bytes: 4096,
            uncommitted_bytes: 0,
        }
    }

    #[test]
    fn n46_the_page_tells_who_is_here_from_who_is_on_other_nodes() {
        let alone = live(&[info("demo")]).into_string();
        assert!(alone.contains(">Connections<") && !alone.contains("other nodes"));
        let shared = RoomInfo {
            people: 5,
            people_elsewhere: 3,
            ..info("demo")
        };
        let page = live(&[shared]).into_string();
        assert!(page.contains(">Connections here<"), "{page}");
        assert!(page.contains(">5, 3 on other nodes<"), "{page}");
    }

    #[test]
    fn p2_names_are_escaped() {
        let room = info("<script>alert(1)</script>&\"");
        let page = render("localhost:3001", Some(&[room])).into_string();
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;"));
        assert!(!page.contains("<script"));
    }
}
