//! Compaction on a real database file with real doc workers: what is there after it, after being killed at each step of it, and after damage.

mod damaged;
mod killed;
mod leased;
mod place;
mod rows;
mod unopened;
mod watched;
