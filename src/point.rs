//! Named places on the way of an update, at which a test can end the process. See the store's module of the same name.

pub use scrible_store::point::reach;
