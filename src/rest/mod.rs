//! Plain HTTP: the routes and nothing else. Knows what to show, not how rooms work.

pub mod api;
mod built_in;
mod cookie;
mod cors;
mod docs;
mod error;
mod health;
mod join;
mod metrics;
mod objects;
mod openapi;
mod page;
mod serve;
mod try_page;
mod worker;

use std::convert::Infallible;
use std::sync::Arc;

use warp::http::{Method, StatusCode};
use warp::path::FullPath;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use self::api::{Api, Head};
use crate::compact::Marks;
use crate::doc_worker::DocWorkers;
use crate::journal::JournalHealth;
use crate::objects::ObjectsHealth;
use crate::room::Registry;
use crate::socket::{Connections, Visitor};
use scrible_store::Store;

pub use self::worker::{WorkerView, worker_metrics_routes, worker_routes};

/// What the routes show.
pub struct View {
    /// The rooms of this node.
    pub rooms: Arc<Registry>,
    /// How storing goes.
    pub journal: Arc<JournalHealth>,
    /// Where rooms are kept.
    pub store: Arc<dyn Store>,
    /// Where files are kept.
    pub objects: ObjectsHealth,
    /// Rooms that need looking after.
    pub marks: Arc<Marks>,
    /// Where documents are opened.
    pub documents: Arc<DocWorkers>,
    /// Who is connected, and whether newcomers are taken.
    pub connections: Arc<Connections>,
    /// What is asked of rooms.
    pub api: Api,
}

/// All routes. Never rejects: what no route takes is answered with 404 and a sentence.
pub fn routes(view: Arc<View>) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let view = warp::any().map(move || view.clone());
    let health = warp::path!("health")
        .and(warp::get())
        .and(warp::ext::get::<Visitor>())
        .and(warp::header::headers_cloned())
        .and(view.clone())
        .then(|visitor: Visitor, headers, view: Arc<View>| async move {
            health::health(&view, page::is_local(&visitor, &headers)).await
        });
    let live = warp::path!("health" / "live")
        .and(warp::get())
        .map(health::live);
    let ready = warp::path!("health" / "ready")
        .and(warp::get())
        .and(view.clone())
        .then(|view: Arc<View>| async move { health::ready(&view).await });
    let api = warp::path("api")
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Visitor>())
        .and(warp::body::stream())
        .and(view.clone())
        .then(
            |method: Method, path: FullPath, query, headers, visitor, body, view: Arc<View>| async move {
                let head = Head {
                    method,
                    path: path.as_str().to_owned(),
                    query,
                    headers,
                    visitor,
                };
                view.api.answer(head, Box::pin(body)).await
            },
        );
    let all = page::route()
        .or(health)
        .unify()
        .or(live)
        .unify()
        .or(ready)
        .unify();
    let document = warp::path!("openapi.json")
        .and(warp::get())
        .and(view.clone())
        .map(|view: Arc<View>| warp::reply::json(&view.api.document).into_response());
    let objects = objects::route(view.clone());
    let docs = warp::path!("docs")
        .and(warp::get())
        .and(view)
        .map(|view: Arc<View>| docs::page(&view.api.document));
    let all = api.or(all).unify().or(document).unify().or(docs).unify();
    let all = all.or(objects).unify().or(join::route()).unify();
    let all = all.or(try_page::route()).unify();
    let all = all.or(built_in::route()).unify();
    all.recover(nothing_here)
}

/// What the listener for metrics serves: `/metrics` and nothing else. Never rejects, either.
pub fn metrics_routes(
    view: Arc<View>,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let exposition = Arc::new(metrics::Exposition::new(view));
    let metrics = warp::path!("metrics")
        .and(warp::get())
        .map(move || exposition.response());
    metrics.recover(no_metrics_here)
}

async fn no_metrics_here(rejection: Rejection) -> Result<Response, Infallible> {
    Ok(refuse(
        &rejection,
        "metrics are at /metrics; everything else has another address\n",
    ))
}

async fn nothing_here(rejection: Rejection) -> Result<Response, Infallible> {
    Ok(refuse(
        &rejection,
        "nothing is served here; rooms are reached by WebSocket at /<room>\n",
    ))
}

fn refuse(rejection: &Rejection, not_found: &'static str) -> Response {
    let (status, sentence) = if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        (
            StatusCode::METHOD_NOT_ALLOWED,
            "this address answers GET only\n",
        )
    } else {
        (StatusCode::NOT_FOUND, not_found)
    };
    warp::reply::with_status(sentence, status).into_response()
}
