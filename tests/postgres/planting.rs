//! What lets people in is in no table, no key of Redis, no log and no metric, with two servers on one database and a Redis between them.

use scrible_wire::message;
use sqlx::{AssertSqlSafe, Connection};

use crate::Cases;
use crate::client::Client;
use crate::planted::{Planted, SHOWN};
use crate::revoking::{Pair, ask, owner};

pub const CASES: Cases = &[case!(
    y10_what_lets_people_in_is_in_no_table_and_in_nothing_that_redis_has
)];

/// Every value of every table, with its place.
async fn every_value(pair: &Pair) -> Vec<(String, Vec<u8>)> {
    let mut conn = pair.database.sql().await;
    let sql = "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns WHERE table_schema = 'public'";
    let columns: Vec<(String, String, String)> =
        sqlx::query_as(sql).fetch_all(&mut conn).await.unwrap();
    let mut values = Vec::new();
    for (table, column, kind) in columns {
        let value = match &*kind {
            "bytea" => format!("{column:?}"),
            _ => format!("convert_to({column:?}::text, 'UTF8')"),
        };
        let sql = format!("SELECT {value} FROM {table:?} WHERE {column:?} IS NOT NULL");
        let found = sqlx::query_scalar(AssertSqlSafe(sql));
        let found: Vec<Vec<u8>> = found.fetch_all(&mut conn).await.unwrap();
        let place = format!("{table}.{column}");
        values.extend(found.into_iter().map(|value| (place.clone(), value)));
    }
    conn.close().await.unwrap();
    values
}

/// Every key of Redis, and what it has.
async fn every_key(pair: &Pair) -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys: Vec<Vec<u8>> = pair.redis.run("KEYS *").await;
    let mut all = Vec::new();
    for key in keys {
        let kind: String = pair.redis.ask(redis::cmd("TYPE").arg(&key)).await;
        let mut asking = match &*kind {
            "string" => redis::cmd("GET"),
            "hash" => redis::cmd("HGETALL"),
            "set" => redis::cmd("SMEMBERS"),
            "list" => redis::cmd("LRANGE"),
            "zset" => redis::cmd("ZRANGE"),
            // It has expired meanwhile.
            "none" => continue,
            other => panic!("a {other} in Redis"),
        };
        asking.arg(&key);
        if ["list", "zset"].contains(&&*kind) {
            asking.arg(0).arg(-1);
        }
        let value: redis::Value = pair.redis.ask(&asking).await;
        let mut bytes = Vec::new();
        flatten(value, &mut bytes);
        all.push((key, bytes));
    }
    all
}

fn flatten(value: redis::Value, into: &mut Vec<u8>) {
    match value {
        redis::Value::BulkString(bytes) => {
            into.extend(bytes);
            into.push(0);
        }
        redis::Value::Array(all) | redis::Value::Set(all) => {
            all.into_iter().for_each(|value| flatten(value, into));
        }
        redis::Value::Map(all) => all.into_iter().for_each(|(key, value)| {
            flatten(key, into);
            flatten(value, into);
        }),
        redis::Value::Nil => {}
        other => panic!("{other:?} in Redis"),
    }
}

async fn y10_what_lets_people_in_is_in_no_table_and_in_nothing_that_redis_has() {
    let pair = Pair::start("trace").await;
    let planted = Planted::plant(pair.here.address, pair.there.address).await;
    // Somebody is there while it is looked.
    let path = format!("/plans?token={}", owner());
    let (mut ann, _) = Client::join(pair.there.address, &path).await;
    let mut update = vec![1, 1, 99, 0, 0x04, 1, 1, b't', SHOWN.len() as u8];
    update.extend(SHOWN.bytes());
    update.push(0);
    ann.update(&update).await;
    assert_eq!(ann.next_update().await, update);
    assert_eq!(ann.until_settled().await, None);
    ann.send(message::query_awareness()).await;

    let keys = every_key(&pair).await;
    let shown = |bytes: &[u8]| memchr::memmem::find(bytes, SHOWN.as_bytes()).is_some();
    assert!(keys.iter().any(|(_, value)| shown(value)), "{keys:?}");
    for (key, value) in &keys {
        planted.are_not_in("the name of a key", key);
        planted.are_not_in(&String::from_utf8_lossy(key), value);
    }
    planted.are_not_in("the answers", planted.said.as_bytes());
    for (node, place) in [&pair.here, &pair.there].into_iter().zip(&pair.places) {
        let log = std::fs::read_to_string(place.file("log")).unwrap();
        assert!(log.contains("secret_in_update"), "{log}");
        planted.are_not_in("a log", log.as_bytes());
        let (_, rest) = log.split_once("metrics are at http://").unwrap();
        let (metrics, _) = rest.split_once("/metrics").unwrap();
        let said = ask(
            metrics.parse().unwrap(),
            "GET /metrics",
            None,
            Default::default(),
        );
        let said = said.await;
        assert_eq!(said.status, 200, "{}", node.address);
        planted.are_not_in("/metrics", &said.body);
    }
    let values = every_value(&pair).await;
    for (column, value) in &values {
        planted.are_not_in(column, value);
    }
    let has = |column: &str, what: &[u8]| {
        let mut values = values.iter().filter(|(place, _)| place == column);
        values.any(|(_, value)| memchr::memmem::find(value, what).is_some())
    };
    assert!(has("rooms.title", SHOWN.as_bytes()));
    assert!(has("room_snapshots.label", SHOWN.as_bytes()));
    assert!(has("room_updates.bytes", SHOWN.as_bytes()));
    assert!(has("room_grants.link", &planted.link_hash));
}
