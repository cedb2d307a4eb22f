//! The bell of exports: what this process did, and what the others say over the database.
//!
//! Knows one channel and nothing of exports. The rules: nobody listens before somebody asks; and whoever has lost the connection rings
//! once he has another, for nobody knows what was said meanwhile.

use std::convert::Infallible;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::link::{CONNECT_TIMEOUT, Link};

/// On which it is said.
pub const CHANNEL: &str = "scrible_exports";
/// Before another connection is made.
const PAUSE: Duration = Duration::from_secs(2);
/// After so long a silence the connection is tried: something in between may have forgotten it.
const SILENCE: Duration = Duration::from_secs(30);
/// How long that takes at most.
const ANSWER: Duration = Duration::from_secs(5);

/// Rings, and can be heard.
#[derive(Default)]
pub struct Bell {
    rung: watch::Sender<u64>,
    listening: Mutex<Listening>,
}

#[derive(Default)]
enum Listening {
    #[default]
    NotYet,
    /// Until the first is dropped or used.
    Since(oneshot::Sender<()>, JoinHandle<()>),
    Closed,
}

impl Bell {
    /// For those in this process.
    pub fn ring(&self) {
        ring(&self.rung);
    }

    /// From now on the other nodes are listened to.
    pub fn hear(&self, link: &Link) -> watch::Receiver<u64> {
        let mut listening = self.listening.lock();
        if let Listening::NotYet = *listening {
            let (stop, stopped) = oneshot::channel();
            let task = tokio::spawn(listen(link.clone(), self.rung.clone(), stopped));
            *listening = Listening::Since(stop, task);
        }
        self.rung.subscribe()
    }

    /// Lets go of the connection.
    pub async fn close(&self) {
        let was = std::mem::replace(&mut *self.listening.lock(), Listening::Closed);
        if let Listening::Since(stop, task) = was {
            drop(stop);
            // It does nothing that could panic, and hangs up in time.
            let _ = task.await;
        }
    }
}

fn ring(rung: &watch::Sender<u64>) {
    rung.send_modify(|rung| *rung = rung.wrapping_add(1));
}

async fn listen(link: Link, rung: watch::Sender<u64>, mut stopped: oneshot::Receiver<()>) {
    // For nobody else: who listens keeps a connection for ever.
    let pool = link.pool(1);
    let listening = async {
        loop {
            // Why it fails is told by whatever else uses the database.
            let Err(_) = attend(&pool, &rung).await;
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        _ = &mut stopped => {}
        () = listening => {}
    }
    let _ = tokio::time::timeout(CONNECT_TIMEOUT, pool.close()).await;
}

/// Until the connection is lost.
async fn attend(pool: &PgPool, rung: &watch::Sender<u64>) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    ring(rung);
    loop {
        // It can be dropped half-way: what it has read stays with the connection.
        while let Ok(heard) = tokio::time::timeout(SILENCE, listener.try_recv()).await {
            match heard? {
                Some(_) => ring(rung),
                None => return Err(sqlx::Error::PoolClosed),
            }
        }
        let asked = sqlx::query("SELECT 1").execute(&mut listener);
        let answered = tokio::time::timeout(ANSWER, asked).await;
        answered.map_err(|_| sqlx::Error::PoolTimedOut)??;
    }
}
