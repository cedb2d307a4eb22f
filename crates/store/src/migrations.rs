//! What the migrations of both databases are: the files in `migrations/`, which carry the same names for both.
//!
//! They are embedded by hand rather than by sqlx's macro, which would have sqlx and both drivers compiled a second time, for the compiler.
//! The rule: what has been released is not changed, only added to.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The contents of the files in a folder, each with its name.
macro_rules! files {
    ($folder:literal) => {
        files!($folder: "0001_rooms", "0002_snapshots", "0003_dead_letters", "0004_room_records", "0005_access", "0006_exports", "0007_sizes_and_keys")
    };
    ($folder:literal: $($name:literal),*) => {
        [$(($name, include_str!(concat!("../../../migrations/", $folder, "/", $name, ".sql")))),*]
    };
}

/// Those of Postgres.
pub fn of_postgres() -> Migrator {
    migrator(&files!("postgres"))
}

/// Those of SQLite.
pub fn of_sqlite() -> Migrator {
    migrator(&files!("sqlite"))
}

fn migrator(files: &[(&'static str, &'static str)]) -> Migrator {
    let migrations = files.iter().map(|(name, sql)| {
        let (version, description) = name.split_once('_').expect("it has a number and a name");
        let version = version.parse().expect("it begins with a number");
        let description = description.replace('_', " ").into();
        Migration::new(
            version,
            description,
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_migration() {
        let embedded = [
            ("postgres", files!("postgres")),
            ("sqlite", files!("sqlite")),
        ];
        for (folder, files) in embedded {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
            let there = std::fs::read_dir(format!("{root}/{folder}")).unwrap();
            let mut there: Vec<_> = there
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            there.sort();
            assert_eq!(
                there,
                files.map(|(name, _)| format!("{name}.sql")),
                "{folder}"
            );
        }
        let named: Vec<_> = of_sqlite()
            .iter()
            .map(|m| (m.version, m.description.to_string()))
            .collect();
        assert_eq!(
            named[..3],
            [
                (1, "rooms".into()),
                (2, "snapshots".into()),
                (3, "dead letters".into())
            ]
        );
    }
}
