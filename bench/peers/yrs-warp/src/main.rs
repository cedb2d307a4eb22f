//! yrs-warp as its documentation shows it, with a room for each path: one broadcast group for each, nothing stored.
//!
//! The one rule: nothing is done for it that its documentation does not tell every user to do.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::Mutex;
use warp::ws::{WebSocket, Ws};
use warp::{Filter, Reply};
use yrs::Doc;
use yrs::sync::Awareness;
use yrs_warp::broadcast::BroadcastGroup;
use yrs_warp::ws::{WarpSink, WarpStream};

/// Messages of a room that one who is slow may lag behind. Its examples have 32, at which fifty people lose some at once.
const BUFFERED: usize = 1024;

type Rooms = Arc<Mutex<HashMap<String, Arc<BroadcastGroup>>>>;

#[tokio::main]
async fn main() {
    let rooms = Rooms::default();
    let routes = warp::path::param()
        .and(warp::path::end())
        .and(warp::ws())
        .map(move |name: String, upgrade: Ws| serve(name, upgrade, rooms.clone()));
    let (address, server) = warp::serve(routes).bind_ephemeral(([127, 0, 0, 1], 0));
    println!("listening on ws://{address}");
    server.await;
}

fn serve(name: String, upgrade: Ws, rooms: Rooms) -> impl Reply {
    upgrade.on_upgrade(async move |socket| visit(socket, open(rooms, name).await).await)
}

async fn open(rooms: Rooms, name: String) -> Arc<BroadcastGroup> {
    let mut rooms = rooms.lock().await;
    if let Some(room) = rooms.get(&name) {
        return room.clone();
    }
    let awareness = Arc::new(Awareness::new(Doc::new()));
    let room = Arc::new(BroadcastGroup::new(awareness, BUFFERED).await);
    rooms.insert(name, room.clone());
    room
}

async fn visit(socket: WebSocket, room: Arc<BroadcastGroup>) {
    let (sink, stream) = socket.split();
    let sink = Arc::new(Mutex::new(WarpSink::from(sink)));
    let stay = room.subscribe(sink, WarpStream::from(stream));
    if let Err(error) = stay.completed().await {
        eprintln!("a connection ended: {error}");
    }
}
