//! Opening: migrations, and what is refused with a sentence.

use std::future::Future;
use std::pin::Pin;

use scrible_store::{Durability, Migrations, PostgresOptions, PostgresStore, Store, StoreError};

use crate::database::Database;
use crate::trouble::{batch, case};

type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;
/// What a case is called, and what it does.
pub type Cases = &'static [(&'static str, fn(Database) -> Ending)];

pub const CASES: Cases = &[
    case!(nodes_that_start_at_once_migrate_once),
    case!(a_database_that_is_behind_is_told_to_be_migrated),
    case!(what_is_another_programs_or_newer_is_refused),
    case!(a_database_of_another_encoding_is_refused),
    case!(s4_what_cannot_be_opened_is_told_without_the_password),
    case!(j4_a_receipt_waits_for_the_disk_unless_it_is_told_not_to),
];

const MIGRATIONS: [&str; 4] = [
    "0001 rooms",
    "0002 snapshots",
    "0003 dead letters",
    "0004 room records",
];

async fn nodes_that_start_at_once_migrate_once(at: Database) {
    let mut starting = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let url = at.url();
        starting.spawn(async move {
            let store = PostgresStore::open(&url, PostgresOptions::default()).await;
            let store = store.unwrap();
            let ran = store.migrations_run().to_vec();
            store.close().await;
            ran
        });
    }
    let ran: Vec<String> = starting.join_all().await.into_iter().flatten().collect();
    assert_eq!(ran, MIGRATIONS);
    let again = PostgresStore::migrate(&at.url()).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
}

async fn a_database_that_is_behind_is_told_to_be_migrated(at: Database) {
    let expecting = PostgresOptions {
        migrations: Migrations::Expect,
        ..PostgresOptions::default()
    };
    let refused = PostgresStore::open(&at.url(), expecting.clone()).await;
    let told = refused.err().unwrap().to_string();
    assert!(
        told.contains("lacks the migrations 0001 rooms, 0002"),
        "{told}"
    );
    assert!(told.contains("run `scrible migrate`"), "{told}");
    assert_eq!(PostgresStore::migrate(&at.url()).await.unwrap(), MIGRATIONS);
    let store = PostgresStore::open(&at.url(), expecting).await.unwrap();
    store.check().await.unwrap();
}

async fn what_is_another_programs_or_newer_is_refused(at: Database) {
    at.execute("CREATE TABLE invoices (id INT)").await;
    let refused = PostgresStore::migrate(&at.url()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Invalid(_)), "{refused}");
    let told = refused.to_string();
    assert!(
        told.contains("another program") && told.contains("invoices"),
        "{told}"
    );
    at.execute("DROP TABLE invoices").await;
    PostgresStore::migrate(&at.url()).await.unwrap();
    at.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (999, 'later', true, '\\x00', 0)",
    )
    .await;
    let refused = PostgresStore::open(&at.url(), PostgresOptions::default()).await;
    let refused = refused.err().unwrap();
    assert!(matches!(refused, StoreError::Invalid(_)), "{refused}");
    assert!(refused.to_string().contains("newer version"), "{refused}");
    at.execute("DELETE FROM _sqlx_migrations WHERE version = 999; UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2")
        .await;
    let refused = PostgresStore::migrate(&at.url()).await.unwrap_err();
    assert!(refused.to_string().contains("another build"), "{refused}");
}

async fn a_database_of_another_encoding_is_refused(_: Database) {
    let how = "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    let at = Database::with(how).await;
    let refused = PostgresStore::migrate(&at.url()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Invalid(_)), "{refused}");
    assert!(refused.to_string().contains("LATIN1"), "{refused}");
}

async fn s4_what_cannot_be_opened_is_told_without_the_password(at: Database) {
    let options = at.options();
    let (host, port) = (options.get_host(), options.get_port());
    let user = options.get_username();
    for (url, what) in [
        (
            format!("postgres://{user}:hunter2@{host}:{port}/nobody_created_this"),
            "createdb",
        ),
        (
            format!("postgres://{user}:hunter2@127.0.0.1:1/x"),
            "cannot connect to the database \"x\" at 127.0.0.1:1",
        ),
    ] {
        let refused = PostgresStore::open(&url, PostgresOptions::default()).await;
        let told = refused.err().unwrap().to_string();
        assert!(told.contains(what), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

async fn j4_a_receipt_waits_for_the_disk_unless_it_is_told_not_to(at: Database) {
    PostgresStore::migrate(&at.url()).await.unwrap();
    at.execute(
        "CREATE TABLE seen (setting TEXT); CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$; \
         CREATE TRIGGER see AFTER INSERT ON room_updates EXECUTE FUNCTION see()",
    )
    .await;
    let database = at.name();
    let settings = [
        ("on", Durability::Full, "on"),
        ("off", Durability::Full, "on"),
        ("remote_write", Durability::Full, "remote_write"),
        ("on", Durability::Relaxed, "off"),
    ];
    for (number, (server, durability, expected)) in (1..).zip(settings) {
        at.execute(&format!(
            "TRUNCATE seen; ALTER DATABASE {database} SET synchronous_commit = {server}"
        ))
        .await;
        let options = PostgresOptions {
            durability,
            ..PostgresOptions::default()
        };
        let store = PostgresStore::open(&at.url(), options).await.unwrap();
        store.append(&batch(number, &["room"])).await.unwrap();
        let seen: String = sqlx::query_scalar("SELECT setting FROM seen")
            .fetch_one(&mut at.sql().await)
            .await
            .unwrap();
        assert_eq!(seen, expected, "{server} {durability:?}");
        store.close().await;
    }
}
