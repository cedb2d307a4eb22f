//! The Postgres store: the contract, and what only a server can do: be locked, cut off, newer, or another program's.
//!
//! Needs the URL of a server in SCRIBLE_TEST_POSTGRES_URL, as somebody who may create databases; each case gets one of its
//! own, which is dropped again. Without it all cases are listed as ignored. The rule: nothing is touched but what was created here.

mod attacked;
mod database;
mod exports;
mod journals;
mod line;
mod opening;
mod phases;
mod pooler;
mod trouble;

use std::future::Future;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use scrible_store::contract::Case;
use scrible_store::store_contract;

use self::database::Database;

const URL: &str = "SCRIBLE_TEST_POSTGRES_URL";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_there = std::env::var_os(URL).is_some();
    let contract = store_contract!(list Database::new().await)
        .into_iter()
        .map(|(name, case)| trial(format!("contract::{name}"), case));
    let others = [
        opening::CASES,
        trouble::CASES,
        phases::CASES,
        journals::CASES,
        attacked::CASES,
        exports::CASES,
    ];
    let others = others.into_iter().flatten();
    let others = others.map(|(name, case)| {
        let case: Case = Box::pin(async { case(Database::new().await).await });
        trial((*name).to_owned(), case)
    });
    let trials: Vec<Trial> = contract
        .chain(others)
        .map(|trial| trial.with_ignored_flag(!is_there))
        .collect();
    if !is_there && !arguments.list {
        eprintln!(
            "\nPOSTGRES IS NOT TESTED: {URL} is not set; `cargo xtask test` starts a server of its own\n"
        );
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, case: impl Future<Output = ()> + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(case);
        Ok(())
    })
}
