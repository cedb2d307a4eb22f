//! Plain HTTP: the routes and nothing else. Knows what to show, not how rooms work.

mod health;
mod page;

use std::convert::Infallible;
use std::sync::Arc;

use warp::http::StatusCode;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::compact::Marks;
use crate::doc_worker::DocWorkers;
use crate::journal::JournalHealth;
use crate::room::Registry;
use crate::socket::Peer;
use scrible_store::Store;

/// What the routes show.
pub struct View {
    /// The rooms of this node.
    pub rooms: Arc<Registry>,
    /// How storing goes.
    pub journal: Arc<JournalHealth>,
    /// Where rooms are kept.
    pub store: Arc<dyn Store>,
    /// Rooms that need looking after.
    pub marks: Arc<Marks>,
    /// Where documents are opened.
    pub documents: Arc<DocWorkers>,
    /// Cancelled when the server is stopping.
    pub stopping: tokio_util::sync::CancellationToken,
}

/// All routes. Never rejects: what no route takes is answered with 404 and a sentence.
pub fn routes(view: Arc<View>) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let view = warp::any().map(move || view.clone());
    let page = warp::path::end()
        .and(warp::get())
        .and(warp::ext::get::<Peer>())
        .and(warp::header::optional::<String>("host"))
        .and(view.clone())
        .map(|Peer(peer), host: Option<String>, view: Arc<View>| {
            page::page(&view, peer.ip(), host.as_deref())
        });
    let health = warp::path!("health")
        .and(warp::get())
        .and(warp::ext::get::<Peer>())
        .and(warp::header::optional::<String>("host"))
        .and(view)
        .then(
            |Peer(peer), host: Option<String>, view: Arc<View>| async move {
                health::health(&view, page::is_local(peer.ip(), host.as_deref())).await
            },
        );
    page.or(health).unify().recover(nothing_here)
}

async fn nothing_here(rejection: Rejection) -> Result<Response, Infallible> {
    let (status, sentence) = if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        (
            StatusCode::METHOD_NOT_ALLOWED,
            "this address answers GET only\n",
        )
    } else {
        (
            StatusCode::NOT_FOUND,
            "nothing is served here; rooms are reached by WebSocket at /<room>\n",
        )
    };
    Ok(warp::reply::with_status(sentence, status).into_response())
}
