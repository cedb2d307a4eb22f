//! Opening: migrations, and what is refused with a sentence.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use scrible_store::{
    AssetAdded, Assets, Builder, Claim, Created, Directory, Durability, ExportAdded, ExportEnd,
    ExportId, ExportLimits, ExportState, Exports, FactsQuery, Granted, IdempotencyKey, Incarnation,
    Lease, Migrations, NewAsset, NewExport, NewGrant, NewInvite, NewRoom, NewSnapshot, Opening,
    OpeningEnd, Page, PostgresOptions, PostgresStore, Quarantine, Role, RoomChange, RoomQuery,
    Stay, Store, StoreError, Trim, VisibleTo, WorkerId,
};

use sqlx::{Connection as _, PgConnection};

use crate::database::{Database, execute};
use crate::pooler::Pooler;
use crate::trouble::{batch, case};

type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;
/// What a case is called, and what it does.
pub type Cases = &'static [(&'static str, fn(Database) -> Ending)];

pub const CASES: Cases = &[
    case!(nodes_that_start_at_once_migrate_once),
    case!(a_database_that_is_behind_is_told_to_be_migrated),
    case!(what_is_another_programs_or_newer_is_refused),
    case!(s6_the_programs_before_and_after_a_migration_run_side_by_side),
    case!(a_migration_waits_for_no_table_for_long),
    case!(a_database_of_another_encoding_is_refused),
    case!(s5_a_pooler_that_keeps_no_sessions_is_refused),
    case!(s4_what_cannot_be_opened_is_told_without_the_password),
    case!(j4_a_receipt_waits_for_the_disk_unless_it_is_told_not_to),
];

const MIGRATIONS: [&str; 7] = [
    "0001 rooms",
    "0002 snapshots",
    "0003 dead letters",
    "0004 room records",
    "0005 access",
    "0006 exports",
    "0007 sizes and keys",
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
    record(&at, 999, "breaking later").await;
    let refused = PostgresStore::open(&at.url(), PostgresOptions::default()).await;
    let refused = refused.err().unwrap();
    assert!(matches!(refused, StoreError::Invalid(_)), "{refused}");
    let told = refused.to_string();
    assert!(
        told.contains("newer version") && told.contains("0999 breaking later"),
        "{told}"
    );
    at.execute("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2; DELETE FROM _sqlx_migrations WHERE version = 999")
        .await;
    let refused = PostgresStore::migrate(&at.url()).await.unwrap_err();
    assert!(refused.to_string().contains("another build"), "{refused}");
}

/// Locks and settings of a session would be everybody's.
async fn s5_a_pooler_that_keeps_no_sessions_is_refused(at: Database) {
    let pooler = Pooler::to(at.options()).await;
    // What it has prepared is in the way of all who come after it.
    let mut earlier = PgConnection::connect(&pooler.url()).await.unwrap();
    let prepared = sqlx::query("SELECT 1").execute(&mut earlier).await;
    prepared.unwrap();
    let refused = PostgresStore::open(&pooler.url(), PostgresOptions::default()).await;
    let refused = refused.err().unwrap();
    assert!(matches!(refused, StoreError::Invalid(_)), "{refused}");
    assert!(refused.to_string().contains("pool_mode"), "{refused}");
    let store = PostgresStore::open(&at.url(), PostgresOptions::default()).await;
    store.unwrap().check().await.unwrap();
}

/// As a newer program does when it has run a migration of its own.
async fn record(at: &Database, version: i64, name: &str) {
    at.execute(&format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES ({version}, '{name}', true, '\\x00', 0)"
    ))
    .await;
}

/// What a later version may do to the tables while this one runs.
const LATER: &str = "\
    ALTER TABLE rooms ADD COLUMN later TEXT; ALTER TABLE rooms ADD COLUMN later2 BIGINT NOT NULL DEFAULT 7; \
    ALTER TABLE room_heads ADD COLUMN later BIGINT NOT NULL DEFAULT 7; \
    ALTER TABLE room_updates ADD COLUMN later TEXT; ALTER TABLE room_snapshots ADD COLUMN later TEXT NOT NULL DEFAULT 'x'; \
    ALTER TABLE room_leases ADD COLUMN later TEXT; ALTER TABLE journal_nodes ADD COLUMN later BIGINT NOT NULL DEFAULT 7; \
    ALTER TABLE dead_letters ADD COLUMN later TEXT; ALTER TABLE nodes ADD COLUMN later TEXT; \
    ALTER TABLE room_openings ADD COLUMN later TEXT; ALTER TABLE room_records ADD COLUMN later BIGINT NOT NULL DEFAULT 7; \
    ALTER TABLE room_invites ADD COLUMN later TEXT; ALTER TABLE room_grants ADD COLUMN later BIGINT NOT NULL DEFAULT 7; \
    ALTER TABLE room_blocks ADD COLUMN later TEXT; ALTER TABLE room_participants ADD COLUMN later TEXT; \
    ALTER TABLE idempotency_keys ADD COLUMN later TEXT; ALTER TABLE exports ADD COLUMN later BIGINT NOT NULL DEFAULT 7; \
    ALTER TABLE assets ADD COLUMN later TEXT; ALTER TABLE orphans ADD COLUMN later TEXT; \
    CREATE TABLE later (id BIGINT PRIMARY KEY REFERENCES rooms (id)); CREATE INDEX later_by_time ON room_updates (time_ms)";

/// A store whose statements were all said before goes on, and one that opens afterwards as well.
async fn s6_the_programs_before_and_after_a_migration_run_side_by_side(at: Database) {
    let before = at.store().await;
    use_everything(&before, Incarnation(8), 1).await;
    at.execute(LATER).await;
    record(&at, 999, "later").await;
    use_everything(&before, Incarnation(8), 2).await;
    assert!(PostgresStore::migrate(&at.url()).await.unwrap().is_empty());
    let expecting = PostgresOptions {
        migrations: Migrations::Expect,
        ..PostgresOptions::default()
    };
    let opened_later = PostgresStore::open(&at.url(), expecting).await.unwrap();
    use_everything(&opened_later, Incarnation(9), 3).await;
    use_everything(&before, Incarnation(8), 4).await;
}

/// Says each statement there is about rooms, for the how-manieth time.
async fn use_everything(store: &PostgresStore, node: Incarnation, time: u64) {
    let receipt = store
        .append(&batch(time, &["room", &format!("new {time}")]))
        .await;
    let got = receipt.unwrap().rooms[0].unwrap();
    assert_eq!(got.first_seq, time);
    let (room, task, ttl) = (got.id, "compaction", Duration::from_secs(9));
    let lease = Lease {
        room,
        task,
        holder: node,
        ttl,
    };
    assert!(store.lease(&lease).await.unwrap());
    let snapshot = NewSnapshot {
        room,
        version: time,
        seq: time,
        data: "data".into(),
        state_vector: "vector".into(),
        listed: false,
        builder: Builder::Doc,
        note: None,
        label: None,
        author: None,
        time_ms: 0,
    };
    store.add_snapshot(&snapshot).await.unwrap();
    let named = store.list_snapshot(room, time, Some("name".into()), None);
    named.await.unwrap();
    assert!(store.snapshot("room", time).await.unwrap().is_some());
    let known = store.snapshots("room").await.unwrap().unwrap();
    let (first, cover) = (known.first_row, time.saturating_sub(1));
    let trim = Trim {
        room,
        rows: first..=cover,
        versions: Vec::new(),
    };
    assert_eq!(store.trim(&trim).await.unwrap().rows, u64::from(time > 1));
    store.release(&lease).await.unwrap();
    let found = store.load("room").await.unwrap().unwrap();
    assert_eq!(found.base.map(|base| base.info.version), Some(time));
    let news = store.since("room", 0, 1 << 20).await.unwrap().unwrap();
    assert_eq!(news.head, time);
    let heads = store.heads(&["room".into()]).await.unwrap();
    assert_eq!(heads[0].seq, time);
    let opening = Opening {
        node,
        room: "room".into(),
        number: time,
        alone: true,
    };
    store.beat(node).await.unwrap();
    store.note_opening(&opening).await.unwrap();
    let ended = [(opening, OpeningEnd::Lived)];
    store.end_openings(&ended).await.unwrap();
    store.set_aside("room".into()).await.unwrap();
    assert_eq!(store.room_records().await.unwrap().len(), 1);
    store.clear_record("room").await.unwrap();
    let unlisted = store.unlist_snapshot(room, time);
    unlisted.await.unwrap();
    use_directory(store, time).await;
    store.check().await.unwrap();
}

/// Says each statement there is about people, for the how-manieth time.
async fn use_directory(store: &PostgresStore, time: u64) {
    let hash = |of: u64| {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&of.to_be_bytes());
        hash
    };
    let page = Page {
        before: None,
        limit: 9,
    };
    let name = format!("made {time}");
    let new = NewRoom {
        name: name.as_str().into(),
        title: None,
        owner: None,
        visibility: None,
        link_role: Role::Viewer,
        password: None,
        frontend: None,
        viewers_export: true,
        time_ms: 0,
        idempotency: Some(IdempotencyKey {
            key: hash(time),
            request: hash(0),
        }),
    };
    let made = store.create_room(&new).await.unwrap();
    assert!(matches!(made, Created::New(_)), "{made:?}");
    let made = store.create_room(&new).await.unwrap();
    assert!(matches!(made, Created::Before(_)), "{made:?}");
    let change = RoomChange {
        password: Some(Some("$".into())),
        ..RoomChange::default()
    };
    assert!(store.change_room(&name, &change).await.unwrap().is_some());
    let invite = NewInvite {
        secret: hash(time),
        role: Role::Editor,
        label: None,
        created_by: None,
        created_ms: 0,
        expires_ms: None,
        max_uses: None,
    };
    let invite = store.add_invite(&name, &invite).await.unwrap().unwrap();
    let new = |session| NewGrant {
        session: hash(session),
        name: None,
        time_ms: 0,
        expires_ms: 9,
    };
    let granted = store.grant_by_password(&name, 1, &new(1)).await.unwrap();
    let Granted::Yes(grant) = granted else {
        panic!("{granted:?}");
    };
    store.set_grant_link(grant.id, &hash(time)).await.unwrap();
    for session in [1, 2] {
        let (secret, new) = (hash(time), new(session));
        let granted = store.grant_by_invite(&name, &secret, &new).await;
        assert!(matches!(granted, Ok(Granted::Yes(_))), "{granted:?}");
    }
    assert_eq!(store.invites(&name, page).await.unwrap()[0].uses, 2);
    assert_eq!(store.grants(&name, page).await.unwrap().len(), 2);
    let query = FactsQuery {
        session: Some(hash(1)),
        link: Some(hash(time)),
        ..FactsQuery::default()
    };
    let facts = store.facts(&name, &query).await.unwrap();
    assert!(facts.by_session.is_some() && facts.by_session == facts.by_link);
    store.revoke_grant(&name, grant.id, 1).await.unwrap();
    store.revoke_invite(&name, invite.id, 1).await.unwrap();
    assert!(store.block(&name, "sub:ann", 9).await.unwrap());
    let stay = Stay {
        room: name.as_str().into(),
        session: 1,
        identity: None,
        name: None,
        role: Role::Viewer,
        client: None,
        joined_ms: 0,
        left_ms: None,
    };
    store.note_stays(&[stay]).await.unwrap();
    assert_eq!(store.participants(&name, page).await.unwrap().len(), 1);
    let all = RoomQuery {
        after: None,
        limit: 9,
        search: Some(name.as_str().into()),
        deleted: false,
        visible_to: Some(VisibleTo {
            names: vec![name.as_str().into()],
            ..VisibleTo::default()
        }),
    };
    assert_eq!(store.rooms(&all).await.unwrap().len(), 1);
    assert!(store.usage(&name).await.unwrap().is_some());
    use_exports(store, &name, time).await;
    assert!(store.delete_room(&name, 1).await.unwrap().is_some());
    assert!(store.undelete_room(&name).await.unwrap().is_some());
    assert!(store.delete_room(&name, 1).await.unwrap().is_some());
    assert!(store.purge_room(&name).await.unwrap());
    assert_eq!(store.room(&name).await.unwrap(), None);
}

/// Says each statement there is about exports and files, for the how-manieth time.
async fn use_exports(store: &PostgresStore, room: &str, time: u64) {
    let page = Page {
        before: None,
        limit: 9,
    };
    let claim = Claim {
        worker: WorkerId(1),
        lease: Duration::from_secs(60),
        attempts: 2,
    };
    for number in 1..=2 {
        let new = NewExport {
            id: ExportId(u128::from(time) << 8 | number),
            order: Vec::new().into(),
            at_least: 0,
            version: None,
            ordered_by: None,
            time_ms: 0,
            expires_ms: 1,
        };
        let added = store
            .add_export(room, &new, &ExportLimits::waiting(9))
            .await
            .unwrap();
        assert!(matches!(added, ExportAdded::Yes(_)), "{added:?}");
    }
    let export = store.claim_export(&claim).await.unwrap().unwrap();
    assert!(store.renew_export(export.id, &claim, 9).await.unwrap());
    assert_eq!(store.export_tally().await.unwrap().processing, 1);
    let done = ExportEnd::Completed {
        drawn: 1,
        outcome: Vec::new().into(),
        size: 7,
    };
    assert!(store.end_export(export.id, &claim, &done, 2).await.unwrap());
    let state = store.export(export.id).await.unwrap().unwrap().state;
    assert_eq!(state, ExportState::Completed);
    assert_eq!(store.expired_exports(9).await.unwrap().len(), 2);
    for (export, _) in store.exports(room, page).await.unwrap() {
        let cancelled = store.cancel_export(room, export.id, 3).await.unwrap();
        assert!(cancelled.unwrap().state.is_end());
        let deleted = store.delete_export(room, export.id, "exports/").await;
        assert!(deleted.unwrap());
    }
    for orphan in store.orphans(0).await.unwrap() {
        store.forget_orphans(orphan.id).await.unwrap();
    }
    let file = NewAsset {
        name: "a.png".into(),
        content: [1; 32],
        content_type: "image/png".into(),
        size: 7,
        created_by: None,
        time_ms: 0,
    };
    let id = store.room(room).await.unwrap().unwrap().id;
    let added = store.add_asset(id, &file, 9).await.unwrap();
    let AssetAdded::New(asset) = added else {
        panic!("{added:?}");
    };
    let found = store.asset(room, "a.png").await.unwrap();
    assert_eq!(found.as_ref(), Some(&asset));
    assert_eq!(store.assets(room, page).await.unwrap(), [asset]);
    assert_eq!(store.asset_bytes(room).await.unwrap(), (7, 1));
}

/// Whoever waits for a table keeps nodes from it that come later.
async fn a_migration_waits_for_no_table_for_long(at: Database) {
    PostgresStore::migrate(&at.url()).await.unwrap();
    // As before its last migrations, while somebody reads for long.
    at.execute(
        "DROP TABLE orphans, assets, exports, idempotency_keys, room_participants, room_blocks, room_grants, room_invites; ALTER TABLE rooms \
         DROP COLUMN title, DROP COLUMN owner, DROP COLUMN visibility, DROP COLUMN link_role, DROP COLUMN password, \
         DROP COLUMN password_version, DROP COLUMN frontend, DROP COLUMN viewers_export, DROP COLUMN deleted_ms, \
         DROP COLUMN purged_ms, DROP COLUMN access_version; \
         DROP TABLE room_records, room_openings, nodes, dead_letters; DELETE FROM _sqlx_migrations WHERE version > 2; \
         ALTER TABLE room_updates DROP COLUMN checksum; DROP TABLE room_damaged, room_leases, room_snapshots; \
         DELETE FROM _sqlx_migrations WHERE version = 2",
    )
    .await;
    let mut other = at.sql().await;
    execute(&mut other, "BEGIN; SELECT 1 FROM room_updates").await;
    let began = Instant::now();
    let refused = PostgresStore::migrate(&at.url()).await.unwrap_err();
    assert!(refused.is_retryable(), "{refused}");
    assert!(refused.to_string().contains("lock timeout"), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(10));
    execute(&mut other, "ROLLBACK").await;
    assert_eq!(
        PostgresStore::migrate(&at.url()).await.unwrap(),
        MIGRATIONS[1..]
    );
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
