//! Fetches pictures from hosts that the operator named.
//!
//! Knows HTTP and name servers. The rules: the very address that was judged is the one that is asked; nothing is followed; and nothing of this
//! server goes along, no cookie, no name of a room, no proxy of its environment.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::ImageHost;
use super::address::is_public;
use super::allowance::Allowance;

/// From the first question to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of one picture.
pub const MAX_BYTES: usize = 10 << 20;

/// Fetches pictures.
pub struct Outside {
    hosts: Vec<ImageHost>,
    client: reqwest::Client,
    judge: fn(IpAddr) -> bool,
}

/// Why a picture was not fetched; for the log.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    /// It leads into a network that strangers have no business in.
    #[error("the address is none in public")]
    NotPublic,
    /// The host did not give it.
    #[error("the host answered {0}")]
    Status(u16),
    /// It has too many bytes.
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// All files of the drawing have too many.
    #[error("all pictures of the drawing have too many bytes with it")]
    NoneLeft,
    /// It cannot be reached, or breaks off.
    #[error(transparent)]
    Failed(#[from] reqwest::Error),
}

/// Turns names into addresses.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of a name.
    fn addresses(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// As this machine does.
struct System;

impl Lookup for System {
    fn addresses(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Gives the client only addresses that were judged.
struct Judged {
    lookup: Arc<dyn Lookup>,
    judge: fn(IpAddr) -> bool,
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let (looking, judge) = (self.lookup.addresses(name.as_str().to_owned()), self.judge);
        Box::pin(async move {
            let found = looking.await?;
            // One among them that is not in public may be the one that is tried.
            match found.iter().all(|address| judge(*address)) {
                true => {
                    let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
                    Ok(Box::new(found) as Addrs)
                }
                false => Err(NotFetched::NotPublic.into()),
            }
        })
    }
}

impl Outside {
    /// From these hosts; `None` where there are none.
    ///
    /// # Errors
    /// Where this machine has no certificates to trust.
    pub fn of(hosts: Vec<ImageHost>) -> Result<Option<Self>, reqwest::Error> {
        match hosts.is_empty() {
            true => Ok(None),
            false => Self::with(hosts, Arc::new(System), is_public).map(Some),
        }
    }

    fn with(
        hosts: Vec<ImageHost>,
        lookup: Arc<dyn Lookup>,
        judge: fn(IpAddr) -> bool,
    ) -> Result<Self, reqwest::Error> {
        // Fails where there is one already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(Judged { lookup, judge }))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent("scrible")
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self {
            hosts,
            client,
            judge,
        })
    }

    /// From whom pictures are fetched.
    pub fn hosts(&self) -> &[ImageHost] {
        &self.hosts
    }

    /// What stands at an address, whose host the caller has found among those that are allowed. What comes is taken from what is left, kept or
    /// not.
    pub async fn fetch(&self, url: &Url, left: &Allowance) -> Result<Bytes, NotFetched> {
        // No name server is asked for what is an address already.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        if literal.is_some_and(|address| !(self.judge)(address)) {
            return Err(NotFetched::NotPublic);
        }
        let mut response = self.client.get(url.clone()).send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(NotFetched::Status(response.status().as_u16()));
        }
        let announced = response.content_length();
        if announced.is_some_and(|length| length > MAX_BYTES as u64) {
            return Err(NotFetched::TooLarge);
        }
        if announced.is_some_and(|length| !left.take(length)) {
            return Err(NotFetched::NoneLeft);
        }
        let mut bytes = BytesMut::new();
        while let Some(piece) = response.chunk().await? {
            if announced.is_none() && !left.spend(piece.len() as u64) {
                return Err(NotFetched::NoneLeft);
            }
            if bytes.len() + piece.len() > MAX_BYTES {
                return Err(NotFetched::TooLarge);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }
}

#[cfg(test)]
mod tests;
