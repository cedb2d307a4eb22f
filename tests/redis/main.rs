//! The bus on real Redis servers and clusters, which are killed, emptied, frozen and lied to.
//!
//! Every case starts servers of its own. Without `redis-server` on this machine all cases are listed as ignored. The rule: nothing here waits
//! for a time where it can wait for an event.

mod away;
#[path = "../it/client.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod client;
mod cluster;
mod drawing;
mod hot;
mod node;
mod presence;
mod server;
mod talking;
#[path = "../it/node.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod whole;

use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

type Case = Pin<Box<dyn Future<Output = ()>>>;
type Start = fn() -> Case;

macro_rules! cases {
    ($($module:ident: $($case:ident)*;)*) => {
        &[$($((stringify!($case), || Box::pin($module::$case()))),*),*]
    };
}

const CASES: &[(&str, Start)] = cases! {
    talking:
        n22_nodes_hear_what_is_said_in_rooms_that_they_joined
        n22_what_is_said_after_joining_is_heard
        x9_who_may_be_in_a_room_is_told_to_the_other_nodes_alone
        n24_what_was_said_right_before_a_node_stops_is_heard
        n22_an_older_redis_is_spoken_to_in_its_own_way
        n20_one_redis_serves_several_deployments_and_sockets
        n20_a_password_is_needed_where_it_is_asked_for_and_never_shown
        n21_hostile_bytes_harm_nobody;
    hot:
        n25_the_latest_hundred_numbers_are_kept_for_a_minute
        n25_what_is_kept_weighs_a_mebibyte_at_most
        n25_nothing_behind_a_hole_is_given
        n25_an_earlier_room_of_the_same_name_gives_nothing
        n25_a_full_redis_still_tells;
    away:
        n23_a_killed_redis_is_found_again_and_nothing_waits_for_it
        n23_a_redis_that_was_not_there_at_the_start_is_found
        n23_who_is_cut_off_is_told_that_it_may_have_missed_something
        n23_a_frozen_redis_is_given_up_and_found_again
        n29_an_emptied_redis_has_everybody_again_within_seconds;
    presence:
        n27_people_are_seen_on_other_nodes_until_they_leave
        n27_people_who_move_fast_arrive_where_they_stop
        n27_crowds_are_told_of_in_messages_that_rooms_take
        n28_the_people_of_a_killed_node_vanish_within_15_seconds
        n28_a_node_that_says_goodbye_takes_its_people_along
        n28_states_that_nobody_renews_are_not_given;
    drawing:
        n22_people_on_two_nodes_draw_together_at_once
        n23_people_go_on_drawing_together_while_redis_is_away
        n27_cursors_are_seen_on_other_nodes_and_vanish_with_theirs;
    cluster:
        n20_rooms_live_in_all_parts_of_a_cluster
        n23_a_failing_part_of_a_cluster_leaves_the_others_alone
        n23_a_room_that_moves_to_another_part_of_a_cluster_is_heard_there;
};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They mostly wait.
    arguments.test_threads = arguments.test_threads.or(Some(8));
    let is_there = server::is_installed();
    if !is_there && !arguments.list {
        eprintln!(
            "\nTHE BUS IS NOT TESTED: redis-server is not installed; `cargo xtask test` installs it\n"
        );
    }
    let trial = |(name, case): &(&str, Start)| {
        let case = *case;
        let run = move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            runtime.block_on(case());
            Ok(())
        };
        Trial::test(*name, run).with_ignored_flag(!is_there)
    };
    let trials = CASES.iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
