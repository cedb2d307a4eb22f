//! `scrible migrate`: brings the database up to date, for those who want it as a step of its own.

use std::process::ExitCode;

use crate::config::Config;

/// Runs what is pending and says which.
pub async fn run(config: &Config) -> ExitCode {
    let database = &config.store.database;
    match database.migrate().await {
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
