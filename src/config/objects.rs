//! Where exports and what was pasted into boards are kept, read from the settings.
//!
//! The rule: a bucket is configured whole or not at all, and nobody gets a folder who asked for a bucket.

use std::path::PathBuf;
use std::time::Duration;

use scrible_objects::{
    Addressing, Encryption, FolderConfig, MAX_LINK_LIFE, ObjectsConfig, S3Config, S3Credentials,
};
use scrible_store::{DatabaseKind, SqliteStore};
use url::Url;

use super::{ConfigError, Effective, Value};
use crate::access::Secret;
use crate::pictures::ImageHost;
use crate::service::AssetLimits;

/// The path at which this server answers for objects in a folder; what links to them begin with.
pub const OBJECTS_PATH: &str = "/objects";
/// Where the database is no file.
const DEFAULT_FOLDER: &str = "./data/exports";
/// What the folder is called beside a file.
const BESIDE: &str = "exports";
/// What means nothing without a bucket.
const FOR_A_BUCKET: [&str; 8] = [
    "SCRIBLE_S3_ENDPOINT",
    "SCRIBLE_S3_PUBLIC_ENDPOINT",
    "SCRIBLE_S3_ACCESS_KEY_ID",
    "SCRIBLE_S3_SECRET_ACCESS_KEY",
    "SCRIBLE_S3_SESSION_TOKEN",
    "SCRIBLE_S3_PATH_STYLE",
    "SCRIBLE_S3_SSE",
    "SCRIBLE_S3_KMS_KEY",
];

/// Where files are kept, and for how long links to them are good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectsSettings {
    /// Where.
    pub place: ObjectsPlace,
    /// Of a link.
    pub link_life: Duration,
    /// How much people may paste.
    pub assets: AssetLimits,
    /// Whose pictures exports fetch.
    pub image_hosts: Vec<ImageHost>,
}

/// Where files are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ObjectsPlace {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a bucket that several nodes share.
    Bucket(Box<Bucket>),
}

/// A bucket on a server that speaks S3.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// What it is called.
    pub name: String,
    /// URL of the server; `None`: Amazon's own in the region.
    pub endpoint: Option<String>,
    /// The same for whoever follows a link; `None`: the endpoint.
    pub public_endpoint: Option<String>,
    /// What the server was told that it is.
    pub region: String,
    /// Who we are.
    pub access_key_id: String,
    /// What signs.
    pub secret_access_key: Secret,
    /// What goes with keys that were lent.
    pub session_token: Option<Secret>,
    /// Where the bucket's name goes in a URL; `None`: as usual for the server.
    pub addressing: Option<Addressing>,
    /// How the server is to encrypt.
    pub encryption: Encryption,
}

impl ObjectsSettings {
    pub(super) fn read(settings: &Effective) -> Result<Self, ConfigError> {
        let most = MAX_LINK_LIFE.as_secs();
        Ok(Self {
            place: match settings.is_set("SCRIBLE_S3_BUCKET") {
                true => ObjectsPlace::Bucket(Box::new(Bucket::read(settings)?)),
                false => ObjectsPlace::Folder(folder(settings)?),
            },
            assets: AssetLimits {
                bytes: settings.size("SCRIBLE_MAX_ASSET_BYTES", 1 << 10..=128 << 20)?,
                room_bytes: settings.size("SCRIBLE_MAX_ROOM_ASSET_BYTES", 1 << 10..=1 << 50)?
                    as u64,
            },
            image_hosts: image_hosts(settings.value("SCRIBLE_IMAGE_HOSTS"))?,
            link_life: settings.seconds("SCRIBLE_LINK_SECONDS", 1..=most)?,
        })
    }

    /// How they are opened.
    pub fn objects(&self) -> ObjectsConfig {
        match &self.place {
            ObjectsPlace::Folder(folder) => ObjectsConfig::Folder(FolderConfig {
                folder: folder.clone(),
                link_base: OBJECTS_PATH.to_owned(),
                link_secret: None,
            }),
            ObjectsPlace::Bucket(bucket) => ObjectsConfig::S3(bucket.s3()),
        }
    }
}

impl Bucket {
    fn read(settings: &Effective) -> Result<Self, ConfigError> {
        let text = |name| settings.value(name).raw.clone();
        if settings.is_set("SCRIBLE_EXPORTS_DIR") {
            return Err(ConfigError(format!(
                "{} and {} are both set: files are kept in one of the two, so take the other away",
                settings.value("SCRIBLE_S3_BUCKET").place(),
                settings.value("SCRIBLE_EXPORTS_DIR").place()
            )));
        }
        let needed = |name: &str| {
            let missing = || {
                ConfigError(format!(
                    "{} is set, but not {name}: a bucket needs both an access key and its secret",
                    settings.value("SCRIBLE_S3_BUCKET").place()
                ))
            };
            settings.value(name).raw.clone().ok_or_else(missing)
        };
        let encryption = match settings.is_set("SCRIBLE_S3_SSE") {
            false => Encryption::OfBucket,
            true => {
                let of_key_service = [("AES256", false), ("aws:kms", true)];
                match settings.one_of("SCRIBLE_S3_SSE", &of_key_service)? {
                    false => Encryption::OfServer,
                    true => Encryption::OfKeyService(text("SCRIBLE_S3_KMS_KEY")),
                }
            }
        };
        let key = settings.value("SCRIBLE_S3_KMS_KEY");
        if key.raw.is_some() && !matches!(encryption, Encryption::OfKeyService(_)) {
            return Err(ConfigError(format!(
                "{} is set, but SCRIBLE_S3_SSE is not aws:kms",
                key.place()
            )));
        }
        let name = settings.value("SCRIBLE_S3_BUCKET");
        let region = settings.value("SCRIBLE_S3_REGION");
        for value in [name, region] {
            if !is_name(value.text()) {
                return Err(value.wrong("letters, digits and any of - _ ."));
            }
        }
        Ok(Self {
            name: name.text().to_owned(),
            endpoint: endpoint(settings.value("SCRIBLE_S3_ENDPOINT"))?,
            public_endpoint: endpoint(settings.value("SCRIBLE_S3_PUBLIC_ENDPOINT"))?,
            region: region.text().to_owned(),
            access_key_id: needed("SCRIBLE_S3_ACCESS_KEY_ID")?,
            secret_access_key: Secret::new(&needed("SCRIBLE_S3_SECRET_ACCESS_KEY")?),
            session_token: text("SCRIBLE_S3_SESSION_TOKEN").map(|token| Secret::new(&token)),
            addressing: match settings.is_set("SCRIBLE_S3_PATH_STYLE") {
                false => None,
                true => Some(settings.one_of(
                    "SCRIBLE_S3_PATH_STYLE",
                    &[("no", Addressing::VirtualHost), ("yes", Addressing::Path)],
                )?),
            },
            encryption,
        })
    }

    fn s3(&self) -> S3Config {
        let credentials = S3Credentials {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.reveal().into(),
            session_token: self.session_token.as_ref().map(|s| s.reveal().into()),
        };
        let usual = S3Config::new(self.endpoint.clone(), self.name.clone(), credentials);
        S3Config {
            public_endpoint: self.public_endpoint.clone(),
            region: self.region.clone(),
            addressing: self.addressing.unwrap_or(usual.addressing),
            encryption: self.encryption.clone(),
            ..usual
        }
    }
}

/// Beside the rooms, if these are in a file.
fn folder(settings: &Effective) -> Result<PathBuf, ConfigError> {
    let mut for_nothing = FOR_A_BUCKET.into_iter();
    if let Some(name) = for_nothing.find(|name| settings.is_set(name)) {
        return Err(ConfigError(format!(
            "{} is set, but no bucket: set SCRIBLE_S3_BUCKET",
            settings.value(name).place()
        )));
    }
    let value = settings.value("SCRIBLE_EXPORTS_DIR");
    if value.raw.is_some() {
        return match value.text().is_empty() {
            true => Err(value.wrong("the path of a folder")),
            false => Ok(value.text().into()),
        };
    }
    let database = settings.database()?;
    let file = match database.kind() {
        DatabaseKind::Sqlite => SqliteStore::path_of(database.url()).ok(),
        DatabaseKind::Postgres => None,
    };
    let beside = file.map(|file| file.with_file_name(BESIDE));
    Ok(beside.unwrap_or_else(|| DEFAULT_FOLDER.into()))
}

/// Where a server is, without anything secret.
fn endpoint(value: &Value) -> Result<Option<String>, ConfigError> {
    let is_plain = |url: &Url| {
        let is_web = ["http", "https"].contains(&url.scheme()) && url.has_host();
        let is_open = url.username().is_empty() && url.password().is_none();
        is_web && is_open && url.query().is_none() && url.fragment().is_none()
    };
    match &value.raw {
        None => Ok(None),
        Some(raw) if Url::parse(raw).is_ok_and(|url| is_plain(&url)) => Ok(Some(raw.clone())),
        Some(_) => Err(value.wrong(
            "where the server is, for example https://s3.example.com, without a name, a password or a query",
        )),
    }
}

/// Names of hosts with commas between.
fn image_hosts(value: &Value) -> Result<Vec<ImageHost>, ConfigError> {
    let written = value.text().split(',').map(str::trim);
    let read = written.filter(|one| !one.is_empty()).map(ImageHost::parse);
    read.collect::<Option<_>>().ok_or_else(|| {
        value.wrong("names of hosts with commas between, for example images.example.com,cdn.example.com:8443")
    })
}

fn is_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=255).contains(&text.len()) && text.bytes().all(known)
}
