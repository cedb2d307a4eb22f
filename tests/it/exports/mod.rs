//! Exports that are made in the background: ordered over the API, made by workers, and what becomes of both when somebody dies.

mod asked;
mod killed;
mod made;
mod previews;
