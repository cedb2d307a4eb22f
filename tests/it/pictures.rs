//! What a board gets of the files that it names, and that a hostile one makes nobody ask anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use scrible::doc_worker::export::BoardChoice;
use scrible::exporting::FindPictures;
use scrible::objects::asset_key;
use scrible::pictures::{ImageHost, Outside, PictureParts, Pictures};
use scrible_exporter::export::Format;
use scrible_objects::{Body, ContentType, Disposition, MemoryObjects, NewObject, Objects};
use scrible_store::{Assets, Created, Directory, MemoryStore, NewAsset, NewRoom, Role};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::doc_worker::pool::Pool;
use crate::drawing::{board, only, order, shape};

const OWN: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='6'><path fill='#123456' d='M0 0h8v6z'/></svg>";

/// A picture and the asset that it shows.
pub fn image(name: &str, src: &str) -> [Value; 2] {
    let asset = format!("asset:{name}");
    [
        json!({
            "id": asset, "typeName": "asset", "type": "image",
            "props": {"name": name, "src": src, "w": 8, "h": 6, "mimeType": "image/png", "isAnimated": false}
        }),
        shape(
            &format!("shape:{name}"),
            "image",
            json!({"w": 80, "h": 60, "assetId": asset}),
        ),
    ]
}

/// Counts who comes, and tells nobody anything.
async fn listener() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = Arc::new(AtomicUsize::new(0));
    let count = came.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, came)
}

#[tokio::test]
async fn m8_a_board_names_its_files_each_once_and_only_those_that_it_shows() {
    let pool = Pool::new(1);
    let mut records = Vec::new();
    records.extend(image("a", "https://a.example/a.png"));
    records.extend(image("b", "https://a.example/a.png"));
    records.extend(image("c", "/api/rooms/demo/assets/c.png"));
    records.extend(image("d", " DATA:image/png;base64,AAAA"));
    records.extend(image("e", ""));
    let [unused, _] = image("f", "https://a.example/unused.png");
    records.push(unused);
    records.push(json!({
        "id": "asset:page", "typeName": "asset", "type": "bookmark",
        "props": {"title": "", "description": "", "src": "https://b.example/", "image": "https://b.example/i.png", "favicon": "/f.ico"}
    }));
    let bookmark =
        json!({"w": 300, "h": 320, "assetId": "asset:page", "url": "https://b.example/"});
    records.push(shape("shape:page", "bookmark", bookmark));
    let names = pool
        .workers
        .picture_names(vec![board(&records)], BoardChoice::Largest);
    let wanted = [
        "/api/rooms/demo/assets/c.png",
        "/f.ico",
        "https://a.example/a.png",
        "https://b.example/i.png",
    ];
    assert_eq!(names.await.unwrap(), wanted);
    let none = pool.workers.picture_names(Vec::new(), BoardChoice::Largest);
    assert_eq!(none.await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn m10_a_hostile_board_makes_nobody_ask_anybody() {
    let (port, came) = listener().await;
    let here = format!("http://127.0.0.1:{port}");
    let nested = format!(
        "data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' width='8' height='6'>\
         <image href='{here}/a.png' width='8' height='6'/><image xlink:href='file:///etc/hostname' width='8' height='6'/>\
         <style>@import url({here}/a.css);</style><use href='{here}/a.svg%23x'/></svg>"
    );
    let fifo = tempfile::tempdir().unwrap();
    let fifo = fifo.path().join("fifo").display().to_string();
    let mut records = Vec::new();
    for (at, src) in [
        "file:///etc/hostname",
        "/etc/hostname",
        "../../../../etc/hostname",
        &fifo,
        &format!("file://{fifo}"),
        &format!("{here}/a.png"),
        &format!("http://localhost:{port}/a.png"),
        &format!("http://[::ffff:127.0.0.1]:{port}/a.png"),
        &format!("http://2130706433:{port}/a.png"),
        &format!("//127.0.0.1:{port}/a.png"),
        "http://169.254.169.254/latest/meta-data/",
        &nested,
        "/api/rooms/demo/assets/own.svg",
    ]
    .into_iter()
    .enumerate()
    {
        records.extend(image(&at.to_string(), src));
    }
    let update = board(&records);

    let (store, objects) = (Arc::new(MemoryStore::new()), Arc::new(MemoryObjects::new()));
    let new = NewRoom {
        name: "demo".into(),
        title: None,
        owner: None,
        visibility: None,
        link_role: Role::Editor,
        password: None,
        frontend: None,
        viewers_export: true,
        time_ms: 1,
        idempotency: None,
    };
    let Created::New(room) = store.create_room(&new).await.unwrap() else {
        panic!("the store is empty");
    };
    let content = Sha256::digest(OWN).into();
    let object = NewObject {
        body: Body::Bytes(Bytes::from_static(OWN.as_bytes())),
        content_type: ContentType::unknown(),
        disposition: Disposition::inline("own.svg"),
    };
    objects
        .put(&asset_key(room.id, &content).unwrap(), object)
        .await
        .unwrap();
    let new = NewAsset {
        name: "own.svg".into(),
        content,
        content_type: "image/svg+xml".into(),
        size: OWN.len() as u64,
        created_by: None,
        time_ms: 1,
    };
    store.add_asset(room.id, &new, 1 << 20).await.unwrap();

    let pool = Pool::new(1);
    // Whatever the operator allows: it is not in public.
    let hosts = [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        "169.254.169.254".to_owned(),
    ];
    let pictures = Pictures::new(PictureParts {
        assets: store,
        objects,
        outside: Outside::of(
            hosts
                .iter()
                .map(|host| ImageHost::parse(host).unwrap())
                .collect(),
        )
        .unwrap(),
        max_bytes: 1 << 20,
    });
    let board = BoardChoice::Room("demo".to_owned());
    let named = pool.workers.picture_names(vec![update.clone()], board);
    let named = named.await.unwrap();
    // All but what is in the board itself.
    assert_eq!(named.len(), 12);
    let found = pictures.find(room.id, "demo", named).await.unwrap();
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["/api/rooms/demo/assets/own.svg"]);
    let drawn = pool.workers.export(vec![update], order(Format::Svg), found);
    let svg = String::from_utf8(only(drawn.await.unwrap())).unwrap();
    // Its own picture and the nested one are in it, repacked, and nothing from elsewhere.
    let packed = svg.split("base64,").skip(1).map(|rest| {
        let bytes = BASE64_STANDARD.decode(rest.split('"').next().unwrap());
        String::from_utf8(bytes.unwrap()).unwrap()
    });
    let packed: Vec<String> = packed.collect();
    assert_eq!(packed.len(), 2, "{svg}");
    assert!(packed.iter().any(|picture| picture.contains("#123456")));
    for text in packed.iter().chain([&svg]) {
        for outside in ["file:", "127.0.0.1", "hostname", "169.254", "localhost"] {
            assert!(!text.contains(outside), "{outside} in {text}");
        }
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
}
