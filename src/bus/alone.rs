//! The bus of a node that has no others to talk to.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Bus, BusAway, Commit, Hearer, NodeId};
use crate::room::RoomName;

/// Carries nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

#[async_trait]
impl Bus for Alone {
    async fn listen(&self, _: &dyn Hearer) {
        std::future::pending().await
    }

    async fn join(&self, _: &RoomName) -> Result<(), BusAway> {
        Ok(())
    }

    fn leave(&self, _: &RoomName) {}

    fn publish(&self, _: &RoomName, _: &Commit) {}

    async fn recent(&self, _: &RoomName, _: i64, _: u64) -> Result<Vec<Bytes>, BusAway> {
        Ok(Vec::new())
    }

    fn show(&self, _: &RoomName, _: &[u8]) {}

    async fn people(&self, _: &RoomName) -> Result<Vec<(NodeId, Bytes)>, BusAway> {
        Ok(Vec::new())
    }

    fn access_changed(&self, _: &RoomName) {}

    fn kick(&self, _: &RoomName, _: u64) {}

    fn trouble(&self) -> Option<String> {
        None
    }

    fn has_others(&self) -> bool {
        false
    }

    async fn close(&self) {}
}
