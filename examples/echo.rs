//! Sends back whatever comes, over the same sockets as the server's: what conformance tests of WebSockets (`cargo xtask autobahn`) need.
//! Knows no rooms. It takes text, which the server does not.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use scrible::socket::{Socket, Sockets, SocketsConfig};
use scrible::telemetry::Metrics;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let metrics = Arc::new(Metrics::default());
    let config = SocketsConfig {
        max_message_bytes: 64 << 20,
        max_incoming_bytes: 256 << 20,
    };
    let sockets = Arc::new(Sockets::new(config, &metrics));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ws://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (sockets, metrics) = (sockets.clone(), metrics.clone());
        tokio::spawn(async move {
            // Clients send nothing before the answer, so nothing was read ahead.
            let Ok(shaken) = tokio_tungstenite::accept_async(stream).await else {
                return;
            };
            let stream = shaken.into_inner();
            echo(sockets.open(stream, Vec::new(), &metrics).await).await;
        });
    }
}

async fn echo(mut socket: Socket) {
    let broken = loop {
        match socket.next().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => return,
        }
    };
    let code = match broken {
        Error::Protocol(_) => CloseCode::Protocol,
        Error::Utf8(_) => CloseCode::Invalid,
        Error::Capacity(_) => CloseCode::Size,
        _ => return,
    };
    let reason = broken.to_string().into();
    // The other end may have gone already.
    socket.close(Some(CloseFrame { code, reason })).await.ok();
    while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
}
