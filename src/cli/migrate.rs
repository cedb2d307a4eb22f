//! `scrible migrate`: brings the database up to date, for those who want it as a step of its own.

use std::process::ExitCode;

use scrible_store::SqliteStore;

use crate::config::Config;

/// Runs what is pending and says which.
pub async fn run(config: &Config) -> ExitCode {
    let url = &config.store.database_url;
    match SqliteStore::migrate(url).await {
        Ok(ran) if ran.is_empty() => println!("{url} is up to date"),
        Ok(ran) => {
            for name in ran {
                println!("{url}: ran {name}");
            }
        }
        Err(error) => {
            eprintln!("scrible: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
