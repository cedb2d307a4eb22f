//! Objects in a bucket of a real server: the contract, and what only a server can do: refuse, be away, be slow, break off.
//!
//! The server is the program named in SCRIBLE_TEST_S3S_FS, of which every case starts one of its own; `cargo xtask test` installs it. Without
//! it all cases are listed as ignored. The rule: nothing here waits for a time where it can wait for an event.

mod away;
mod kept;
mod place;
mod proxy;
mod refused;
mod server;

use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use scrible_objects::contract::Case;
use scrible_objects::objects_contract;

use self::place::Bucket;

/// What the server of the tests does otherwise than S3: it answers 500.
const BEYOND_THE_SERVER: [&str; 1] = ["more_than_all_of_the_last_bytes_are_all"];

type Start = fn() -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($module:ident: $($case:ident)*;)*) => {
        &[$($((stringify!($case), || Box::pin($module::$case()))),*),*]
    };
}

const CASES: &[(&str, Start)] = cases! {
    kept:
        what_is_large_goes_up_in_parts
        a_link_leads_to_the_public_endpoint
        a_link_expires
        encryption_is_asked_for
        what_others_put_there_is_passed_over;
    refused:
        wrong_keys_are_denied
        a_bucket_that_is_not_there_is_told_of
        a_server_that_does_not_speak_like_one_is_told_of;
    away:
        a_server_that_is_not_there_is_unavailable_and_found_again
        a_server_that_cannot_do_it_now_is_asked_again
        a_server_that_never_can_is_given_up
        a_server_that_does_not_answer_is_given_up
        an_upload_that_is_cut_off_is_sent_again
        an_upload_that_breaks_off_leaves_nothing
        an_upload_that_is_given_up_leaves_nothing
        a_download_that_is_cut_off_ends_with_an_error;
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_there = server::program().is_some();
    let contract = objects_contract!(list Bucket::new().await)
        .into_iter()
        .filter(|(name, _)| !BEYOND_THE_SERVER.contains(name))
        .map(|(name, case)| trial(format!("contract::{name}"), case));
    let others = CASES.iter().map(|(name, start)| {
        let case: Case = Box::pin(async { start().await });
        trial((*name).to_owned(), case)
    });
    let trials: Vec<Trial> = contract
        .chain(others)
        .map(|trial| trial.with_ignored_flag(!is_there))
        .collect();
    if !is_there && !arguments.list {
        eprintln!(
            "\nOBJECTS IN S3 ARE NOT TESTED: {} is not set; `cargo xtask test` installs a server\n",
            server::PROGRAM
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
