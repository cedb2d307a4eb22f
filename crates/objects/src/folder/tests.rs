//! The folder: the contract, and what only files can do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tempfile::TempDir;

use super::{FolderConfig, FolderObjects};
use crate::contract::{self, Fetched, Place};
use crate::{Body, ContentType, Disposition, Key, NewObject, ObjectError, Objects, Prefix};

const BASE: &str = "http://127.0.0.1:1234/objects";

struct Folder {
    folder: TempDir,
    objects: Arc<FolderObjects>,
}

impl Folder {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let objects = open(&folder.path().join("objects")).await.unwrap();
        Self {
            folder,
            objects: Arc::new(objects),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("objects").join(name)
    }

    /// All files, hidden ones too.
    fn files(&self) -> Vec<String> {
        let walk = walkdir::WalkDir::new(self.path("")).sort_by_file_name();
        let files = walk.into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_type().is_file());
        let name = |path: &Path| {
            path.strip_prefix(self.path(""))
                .unwrap()
                .display()
                .to_string()
        };
        files.map(|entry| name(entry.path())).collect()
    }
}

#[async_trait]
impl Place for Folder {
    fn objects(&self) -> Arc<dyn Objects> {
        self.objects.clone()
    }

    async fn fetch(&self, url: &str) -> Option<Fetched> {
        contract::follow(&*self.objects, &self.objects.signer, BASE, url).await
    }
}

crate::objects_contract!(Folder::new().await);

async fn open(folder: &Path) -> Result<FolderObjects, ObjectError> {
    FolderObjects::open(FolderConfig {
        folder: folder.to_owned(),
        link_base: BASE.to_owned(),
        link_secret: Some(vec![1; 32].into()),
    })
    .await
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn object(text: &str) -> NewObject {
    NewObject {
        body: Body::Bytes(text.to_owned().into()),
        content_type: ContentType::try_from("text/plain").unwrap(),
        disposition: Disposition::inline("a.txt"),
    }
}

#[tokio::test]
async fn objects_are_plain_files_and_there_after_opening_again() {
    let place = Folder::new().await;
    place
        .objects
        .put(&key("a/b.txt"), object("x"))
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(place.path("a/b.txt")).unwrap(), "x");
    assert_eq!(place.files(), ["a/.b.txt.json", "a/b.txt"]);
    let again = open(&place.path("")).await.unwrap();
    let info = again.head(&key("a/b.txt")).await.unwrap();
    assert_eq!(info, place.objects.head(&key("a/b.txt")).await.unwrap());
    assert_eq!(info.content_type.as_str(), "text/plain");
}

#[tokio::test]
async fn a_secret_is_made_once_and_lies_where_no_object_can() {
    let folder = tempfile::tempdir().unwrap();
    let config = FolderConfig {
        folder: folder.path().to_owned(),
        link_base: "/objects".to_owned(),
        link_secret: None,
    };
    let open = || FolderObjects::open(config.clone());
    let (one, other) = tokio::join!(open(), open());
    let (one, other) = (one.unwrap(), other.unwrap());
    let terms = crate::LinkTerms::lasting(Duration::from_secs(60));
    let link = one.link(&key("a"), &terms).await.unwrap();
    let (_, query) = link.url.split_once('?').unwrap();
    for objects in [&other, &open().await.unwrap()] {
        let verified = objects.signer.verify(&key("a"), query, SystemTime::now());
        assert_eq!(verified, Ok(None));
    }
    let file = folder.path().join(".link-secret");
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(
        (metadata.len(), metadata.permissions().mode() & 0o777),
        (32, 0o600)
    );
    let page = one.list(&Prefix::default(), None, 10).await.unwrap();
    assert_eq!(page.entries, []);
    fs::write(&file, "short").unwrap();
    let told = open().await.map(drop).unwrap_err().to_string();
    assert!(told.contains(".link-secret is not 32 bytes long"), "{told}");
}

#[tokio::test]
async fn deleting_leaves_nothing_behind() {
    let place = Folder::new().await;
    for name in ["a/b/c", "a/d"] {
        place.objects.put(&key(name), object("x")).await.unwrap();
    }
    // On the way to objects there are none.
    for name in ["a/b", "a/d/e", "a/b/c"] {
        place.objects.delete(&key(name)).await.unwrap();
    }
    assert_eq!(place.files(), ["a/.d.json", "a/d"]);
    assert!(!place.path("a/b").exists());
    place.objects.delete(&key("a/d")).await.unwrap();
    assert!(!place.path("a").exists());
    place.objects.check().await.unwrap();
}

#[tokio::test]
async fn without_its_hidden_file_an_object_is_saved_and_not_shown() {
    let place = Folder::new().await;
    place
        .objects
        .put(&key("a"), object("<script>"))
        .await
        .unwrap();
    for damage in [Some("{"), Some("{\"content_type\":\"x\\ny/z\"}"), None] {
        match damage {
            Some(text) => fs::write(place.path(".a.json"), text).unwrap(),
            None => fs::remove_file(place.path(".a.json")).unwrap(),
        }
        let info = place.objects.head(&key("a")).await.unwrap();
        assert_eq!(info.content_type, ContentType::unknown());
        assert_eq!(info.disposition.unwrap().as_str(), "attachment");
    }
    place.objects.put(&key("a"), object("again")).await.unwrap();
    let info = place.objects.head(&key("a")).await.unwrap();
    assert_eq!(info.content_type.as_str(), "text/plain");
}

#[tokio::test]
async fn what_others_put_there_is_no_object_unless_its_name_is_a_key() {
    let place = Folder::new().await;
    place.objects.put(&key("a/b"), object("x")).await.unwrap();
    fs::write(place.path("a/.hidden"), "").unwrap();
    fs::write(place.path("a/with space"), "").unwrap();
    fs::create_dir(place.path("a/empty")).unwrap();
    std::os::unix::fs::symlink("/etc", place.path("a/elsewhere")).unwrap();
    fs::write(place.path("a/c"), "by hand").unwrap();
    let page = place.objects.list(&Prefix::default(), None, 9).await;
    let keys: Vec<String> = page
        .unwrap()
        .entries
        .iter()
        .map(|e| e.key.to_string())
        .collect();
    assert_eq!(keys, ["a/b", "a/c"]);
    let error = place.objects.head(&key("a/empty")).await.unwrap_err();
    assert!(matches!(error, ObjectError::NotFound(_)), "{error}");
    // Deleting the last object here leaves the rest alone.
    place.objects.delete(&key("a/b")).await.unwrap();
    assert!(place.path("a/with space").exists());
}

#[tokio::test]
async fn a_key_that_goes_on_where_another_ends_is_refused() {
    let place = Folder::new().await;
    place.objects.put(&key("a/b"), object("x")).await.unwrap();
    for name in ["a", "a/b/c"] {
        let error = place
            .objects
            .put(&key(name), object("y"))
            .await
            .unwrap_err();
        assert!(matches!(error, ObjectError::Invalid(_)), "{name}: {error}");
    }
    assert_eq!(place.files(), ["a/.b.json", "a/b"]);
}

#[tokio::test]
async fn what_was_abandoned_is_deleted_at_the_next_start() {
    let place = Folder::new().await;
    let [old, new] = ["old", "new"].map(|name| place.path(".unfinished").join(name));
    for path in [&old, &new] {
        fs::write(path, "half").unwrap();
    }
    let yesterday = SystemTime::now() - Duration::from_secs(25 * 60 * 60);
    let file = fs::File::options().write(true).open(&old).unwrap();
    file.set_modified(yesterday).unwrap();
    open(&place.path("")).await.unwrap();
    assert!(!old.exists() && new.exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for bad in [&file, &file.join("below")] {
        let error = open(bad).await.map(drop).unwrap_err();
        assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
        assert!(error.to_string().contains("file"), "{error}");
    }
    let error = open(Path::new("")).await.map(drop).unwrap_err();
    assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
    let place = Folder::new().await;
    place.objects.put(&key("a"), object("x")).await.unwrap();
    // A disk that is not mounted any more; it is not replaced by a folder on another one.
    fs::remove_dir_all(place.path("")).unwrap();
    let told = [
        place.objects.check().await,
        place.objects.put(&key("a"), object("x")).await,
        place
            .objects
            .list(&Prefix::default(), None, 1)
            .await
            .map(drop),
    ];
    for error in told.map(Result::unwrap_err) {
        assert!(matches!(error, ObjectError::NoBucket(_)), "{error}");
    }
    assert!(!place.path("").exists());
    // Somebody tidied up.
    fs::create_dir(place.path("")).unwrap();
    place.objects.put(&key("a"), object("x")).await.unwrap();
}

#[tokio::test]
async fn only_we_may_read_the_files() {
    let place = Folder::new().await;
    place.objects.put(&key("a"), object("x")).await.unwrap();
    let mode = fs::metadata(place.path("a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
