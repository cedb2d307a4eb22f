//! What a board of one room gets of the files that it names.

use scrible_objects::{Body, ContentType, Disposition, MemoryObjects, NewObject};
use scrible_store::{Created, Directory, MemoryStore, NewAsset, NewRoom, Role, Store};
use sha2::{Digest, Sha256};

use super::*;

const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='6'/>";

struct Rooms {
    store: Arc<MemoryStore>,
    objects: Arc<MemoryObjects>,
    pictures: Pictures,
}

impl Rooms {
    fn new(most: usize) -> Self {
        let (store, objects) = (Arc::new(MemoryStore::new()), Arc::new(MemoryObjects::new()));
        let parts = PictureParts {
            assets: store.clone(),
            objects: objects.clone(),
            outside: None,
            max_bytes: most,
        };
        let pictures = Pictures::new(parts);
        Self {
            store,
            objects,
            pictures,
        }
    }

    async fn room(&self, name: &str) -> RoomId {
        let new = NewRoom {
            name: name.into(),
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
        match self.store.create_room(&new).await.unwrap() {
            Created::New(entry) => entry.id,
            other => panic!("{other:?}"),
        }
    }

    async fn paste(&self, room: (&str, RoomId), name: &str, bytes: &str) {
        let content = Sha256::digest(bytes.as_bytes()).into();
        let object = NewObject {
            body: Body::Bytes(Bytes::copy_from_slice(bytes.as_bytes())),
            content_type: ContentType::unknown(),
            disposition: Disposition::inline(name),
        };
        let key = asset_key(room.1, &content).unwrap();
        self.objects.put(&key, object).await.unwrap();
        let new = NewAsset {
            name: name.into(),
            content,
            content_type: "image/svg+xml".into(),
            size: bytes.len() as u64,
            created_by: None,
            time_ms: 1,
        };
        self.store.add_asset(room.1, &new, 1 << 20).await.unwrap();
    }

    async fn found(&self, room: (&str, RoomId), names: &[&str]) -> Vec<String> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let found = self.pictures.find(room.1, room.0, names).await.unwrap();
        found.into_iter().map(|(name, _)| name).collect()
    }
}

#[tokio::test]
async fn m8_a_board_gets_files_of_its_own_room_alone() {
    let rooms = Rooms::new(1 << 20);
    let (mine, theirs) = (
        ("mine", rooms.room("mine").await),
        ("theirs", rooms.room("theirs").await),
    );
    rooms.paste(mine, "a.svg", SVG).await;
    rooms.paste(mine, "page.html", "<html></html>").await;
    rooms.paste(theirs, "secret.svg", SVG).await;
    let asked = [
        "/api/rooms/mine/assets/a.svg",
        "https://elsewhere.example/api/rooms/theirs/assets/a.svg",
        "asset:a.svg",
        // What another room has.
        "/api/rooms/theirs/assets/secret.svg",
        "https://elsewhere.example/api/rooms/theirs/assets/secret.svg",
        // What is no picture, whatever it is called.
        "/api/rooms/mine/assets/page.html",
        // The way to it in the place itself.
        "/objects/assets/2/x",
        "https://images.example/a.svg",
    ];
    assert_eq!(rooms.found(mine, &asked).await, asked[..3]);
    // A name that passed to another room.
    assert_eq!(rooms.found((mine.0, theirs.1), &asked).await, [""; 0]);
}

#[tokio::test]
async fn m8_a_file_that_cannot_be_read_now_is_not_left_out() {
    let rooms = Rooms::new(SVG.len());
    let mine = ("mine", rooms.room("mine").await);
    rooms.paste(mine, "a", SVG).await;
    rooms.paste(mine, "large", &format!("{SVG} ")).await;
    let away = ObjectError::Unavailable("away".to_owned());
    rooms.objects.fail(Some(away));
    let found = rooms.pictures.find(mine.1, mine.0, vec!["asset:a".into()]);
    assert!(matches!(
        found.await,
        Err(FilesUnavailable::Objects(ObjectError::Unavailable(_)))
    ));
    // What is too large is not even asked for, nor what nobody pasted.
    let asked = ["asset:large", "asset:none", "https://a.example/a.svg"];
    assert_eq!(rooms.found(mine, &asked).await, [""; 0]);
    rooms.objects.fail(None);
    let content = Sha256::digest(SVG).into();
    let key = asset_key(mine.1, &content).unwrap();
    rooms.objects.delete(&key).await.unwrap();
    assert_eq!(rooms.found(mine, &["asset:a"]).await, [""; 0]);
    rooms.store.close().await;
    let found = rooms.pictures.find(mine.1, mine.0, vec!["asset:a".into()]);
    assert!(matches!(found.await, Err(FilesUnavailable::Store(_))));
}

#[tokio::test]
async fn m8_a_file_is_read_once_whatever_it_is_called() {
    let rooms = Rooms::new(SVG.len() * 2);
    let mine = ("mine", rooms.room("mine").await);
    rooms.paste(mine, "a", SVG).await;
    let asked = [
        "asset:a",
        "/api/rooms/mine/assets/a",
        "/api/rooms/x/assets/a",
    ];
    let asked = asked.map(str::to_owned).to_vec();
    let found = rooms.pictures.find(mine.1, mine.0, asked).await.unwrap();
    // Each name takes its bytes to the doc worker, and these have an end.
    let [(_, one), (_, other)] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(one.as_ptr(), other.as_ptr());
}

#[tokio::test]
async fn m8_files_of_a_board_have_an_end() {
    let rooms = Rooms::new(SVG.len() * 2);
    let mine = ("mine", rooms.room("mine").await);
    rooms.paste(mine, "a", SVG).await;
    rooms.paste(mine, "b", &format!("{SVG} ")).await;
    let asked = ["asset:a", "asset:b", "/api/rooms/mine/assets/a"];
    assert_eq!(rooms.found(mine, &asked).await, [asked[0], asked[2]]);
}
