//! Storage that fails under a SQLite store or was lost before it is opened: what is noticed, what is said, and what goes on afterwards.
//!
//! The rule: nothing that had a receipt is missing afterwards without somebody being told, and no lost database looks like a new one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use scrible_store::{
    Batch, Incarnation, Inspection, NewUpdate, RoomAppend, SqliteOptions, SqliteStore, Store,
    StoreError,
};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

struct Place {
    _folder: TempDir,
    file: PathBuf,
    node: Incarnation,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            file: folder.path().join("rooms.db"),
            _folder: folder,
            node: Incarnation::random(),
        }
    }

    fn log(&self) -> PathBuf {
        PathBuf::from(format!("{}-wal", self.file.display()))
    }

    async fn open(&self) -> Result<SqliteStore, StoreError> {
        self.open_with(SqliteOptions::default()).await
    }

    async fn open_with(&self, options: SqliteOptions) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(self.file.to_str().unwrap(), options).await
    }

    /// One update of a kilobyte.
    fn batch(&self, number: u64) -> Batch {
        let update = NewUpdate {
            bytes: vec![number as u8; 1000].into(),
            author: None,
            time_ms: 0,
        };
        let room = RoomAppend {
            room: "room".into(),
            id: None,
            updates: vec![update],
        };
        Batch {
            node: self.node,
            number,
            rooms: vec![room],
        }
    }

    async fn head(&self) -> u64 {
        let store = self.open().await.unwrap();
        let head = store.load("room").await.unwrap().unwrap().head;
        store.close().await;
        head
    }
}

/// Cuts a file.
fn cut(path: &Path, len: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(len).unwrap();
}

/// The sentence with which opening refuses.
async fn refusal(place: &Place) -> String {
    let refused = place.open().await.err().expect("it is refused");
    assert!(matches!(refused, StoreError::Invalid(_)), "{refused}");
    refused.to_string()
}

#[tokio::test]
async fn a_command_that_ends_holds_up_no_server_beside_it() {
    let place = Place::new();
    let server = place.open().await.unwrap();
    server.append(&place.batch(1)).await.unwrap();
    // A backup that is under way: whoever waits for it to end waits for minutes.
    let url = format!("sqlite:{}", place.file.display());
    let mut reader = SqliteConnection::connect(&url).await.unwrap();
    let mut reading = reader.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM rooms")
        .execute(&mut *reading)
        .await
        .unwrap();
    server.append(&place.batch(2)).await.unwrap();
    let command = SqliteOptions {
        busy_timeout: Duration::from_secs(2),
        ..SqliteOptions::default()
    };
    let command = place.open_with(command).await.unwrap();
    let closed = Arc::new(AtomicBool::new(false));
    let closing = tokio::spawn({
        let closed = closed.clone();
        async move {
            command.close().await;
            closed.store(true, Ordering::Relaxed);
        }
    });
    let mut number = 3;
    while !closed.load(Ordering::Relaxed) {
        server.append(&place.batch(number)).await.unwrap();
        number += 1;
    }
    closing.await.unwrap();
    server.append(&place.batch(number)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_given_up_half_way_holds_up_no_writer() {
    let place = Place::new();
    let store = Arc::new(place.open().await.unwrap());
    let checking = tokio::spawn({
        let store = store.clone();
        async move {
            for polls in 0..400 {
                // Dropped after it was polled so many times: while it waits for its turn, begins, writes or undoes.
                let mut check = Box::pin(store.check());
                let mut left = polls % 8;
                std::future::poll_fn(|cx| match check.as_mut().poll(cx) {
                    Poll::Pending if left > 0 => {
                        left -= 1;
                        Poll::Pending
                    }
                    _ => Poll::Ready(()),
                })
                .await;
            }
        }
    });
    let mut number = 0;
    while !checking.is_finished() {
        number += 1;
        store.append(&place.batch(number)).await.unwrap();
    }
    checking.await.unwrap();
    assert!(number > 1, "nothing was written meanwhile");
    assert_eq!(store.load("room").await.unwrap().unwrap().head, number);
}

#[tokio::test]
async fn j6_a_database_that_was_cut_off_is_refused_with_the_remedy() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    for number in 1..=100 {
        store.append(&place.batch(number)).await.unwrap();
    }
    store.close().await;
    let len = fs::metadata(&place.file).unwrap().len();
    cut(&place.file, len / 2);
    let refused = refusal(&place).await;
    for part in ["is damaged", "scrible check", "scrible restore"] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(fs::metadata(&place.file).unwrap().len(), len / 2);
}

#[tokio::test]
async fn j6_a_lost_database_whose_log_is_there_is_refused_and_the_log_stays() {
    for lose in [
        |file: &Path| fs::remove_file(file).unwrap(),
        |file: &Path| cut(file, 0),
    ] {
        let place = Place::new();
        let store = place.open().await.unwrap();
        store.append(&place.batch(1)).await.unwrap();
        // As a kill leaves the two.
        let (database, log) = (fs::read(&place.file), fs::read(place.log()));
        let (database, log) = (database.unwrap(), log.unwrap());
        store.close().await;
        fs::write(&place.file, &database).unwrap();
        fs::write(place.log(), &log).unwrap();
        lose(&place.file);
        let refused = refusal(&place).await;
        assert!(refused.contains("scrible restore"), "{refused}");
        let looked = Inspection::open(place.file.to_str().unwrap()).await;
        assert_eq!(looked.err().map(|e| e.to_string()), Some(refused));
        assert_eq!(fs::read(place.log()).unwrap(), log, "nothing of it is gone");
        fs::write(&place.file, &database).unwrap();
        assert_eq!(place.head().await, 1);
    }
}

#[tokio::test]
async fn j7_nothing_is_acknowledged_into_a_log_that_was_taken_away_and_an_orderly_stop_saves_it() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    store.append(&place.batch(1)).await.unwrap();
    assert_eq!(store.load("room").await.unwrap().unwrap().head, 1);
    fs::remove_file(place.log()).unwrap();
    for error in [
        store.append(&place.batch(2)).await.unwrap_err(),
        store.check().await.unwrap_err(),
    ] {
        assert!(error.is_retryable(), "{error}");
        assert!(error.to_string().contains("-wal\" is gone"), "{error}");
    }
    store.close().await;
    assert_eq!(place.head().await, 1, "it had a receipt");
}

#[tokio::test]
async fn j7_a_room_is_not_read_from_a_file_that_stands_in_the_place_of_the_database() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    store.append(&place.batch(1)).await.unwrap();
    let other = Place::new();
    other.open().await.unwrap().close().await;
    fs::rename(&other.file, &place.file).unwrap();
    let error = store.load("room").await.unwrap_err();
    assert!(error.to_string().contains("was replaced"), "{error}");
    fs::remove_file(&place.file).unwrap();
    let error = store.load("room").await.unwrap_err();
    assert!(error.to_string().contains("is gone"), "{error}");
}
