//! `scrible migrate`: brings the database up to date, for those who want it as a step of its own.

use std::process::ExitCode;

use scrible_store::Waiting;

use crate::config::Config;

/// Runs what is pending and says which.
pub async fn run(config: &Config) -> ExitCode {
    let database = &config.store.database;
    let seconds = config.store.wait.as_secs();
    let waiting = Waiting {
        longest: config.store.wait,
        tell: &|error| {
            eprintln!("scrible: {error}; waiting up to {seconds} seconds for the database")
        },
    };
    match database.migrate_when_there(waiting).await {
        Ok(ran) if ran.is_empty() => println!("{database} is up to date"),
        Ok(ran) => {
            for name in ran {
                println!("{database}: ran {name}");
            }
        }
        Err(error) => {
            eprintln!("scrible: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
