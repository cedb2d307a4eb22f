//! Doc workers of the real program: what they make of honest docs, and what is left standing after hostile ones.

mod answers;
mod limits;
pub mod pool;
mod processes;
