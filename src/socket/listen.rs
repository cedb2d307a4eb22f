//! Where connections come from: the listening socket, and how many files this process may have open.
//!
//! Knows the operating system, no protocol. The one rule: what the database and the doc workers need is left to them.

use std::io;
use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, lookup_host};

use super::PlacesConfig;

/// Connections that the kernel keeps ready until they are accepted: a storm of reconnects fits in. The kernel may allow fewer
/// (net.core.somaxconn).
const BACKLOG: u32 = 4_096;
/// Files of the database, pipes of doc workers, listeners, the runtime.
const OTHER_FILES: usize = 128;
/// Above this many WebSockets somebody should have said so, however many files there may be: each takes about 10 KB.
const MOST_UNASKED: usize = 100_000;

/// Listens on a host name or an IP address.
///
/// # Errors
/// Where the name is unknown, or none of its addresses can be listened on.
pub async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted server gets its port although connections of its predecessor are still on their way out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Raises the number of files that this process may have open as far as it can; says how many those are, `None` for any number.
pub fn raise_open_files() -> Option<usize> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "raise the number of open files");
            limit.current
        }
    };
    now.and_then(|files| usize::try_from(files).ok())
}

impl PlacesConfig {
    /// As many connections as fit into so many open files.
    pub fn fitting(files: Option<usize>) -> Self {
        let files = files.unwrap_or(usize::MAX);
        let plain = (files / 4).min(Self::default().plain);
        let connections = files.saturating_sub(plain).saturating_sub(OTHER_FILES);
        Self {
            connections: connections.clamp(1, MOST_UNASKED),
            plain: plain.max(1),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l12_connections_fit_into_the_open_files_and_leave_some() {
        for (files, connections, plain) in [
            (Some(1_024), 640, 256),
            (Some(20_000), 17_824, 2_048),
            (Some(1 << 30), 100_000, 2_048),
            (None, 100_000, 2_048),
            (Some(100), 1, 25),
        ] {
            let fitting = PlacesConfig::fitting(files);
            assert_eq!((fitting.connections, fitting.plain), (connections, plain));
        }
    }

    #[test]
    fn l12_a_process_may_open_as_many_files_as_it_can_be_allowed() {
        let files = raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(files.map(|files| files as u64), limit.current);
    }

    #[tokio::test]
    async fn a_name_is_listened_on_and_an_address_of_somebody_else_is_not() {
        let listener = listen("localhost", 0).await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(address.ip().is_loopback());
        let taken = listen("localhost", address.port()).await.unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }
}
