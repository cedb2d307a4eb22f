//! Who counts as whom, how many may come, and what becomes of connections that are too many, too slow or too silent.

use std::sync::Arc;

use scrible::socket::TrustedProxies;
use scrible_store::MemoryStore;
use serde_json::Value;

use crate::client::Client;
use crate::node::{Node, exchange};

/// The body of `GET /health` for somebody who has these header lines.
async fn health(node: &Node, lines: &str) -> Value {
    let request =
        format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n");
    let (_, body) = exchange(node.address, &request).await;
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn l11_names_of_rooms_are_not_for_those_who_come_through_a_proxy_on_this_machine() {
    for proxies in ["", "127.0.0.0/8"] {
        let store = Arc::new(MemoryStore::new());
        let node = Node::start_with(&store, |config| {
            let proxies = proxies.split(',').filter(|net| !net.is_empty());
            config.trusted_proxies =
                TrustedProxies(proxies.map(|net| net.parse().unwrap()).collect());
        })
        .await;
        let (_ann, _) = Client::join(node.address, "/secret-plans").await;
        let page = |lines: &str| {
            format!("GET / HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n")
        };
        let (_, local) = exchange(node.address, &page("")).await;
        assert_eq!(local.contains("secret-plans"), proxies.is_empty());
        for lines in [
            "X-Forwarded-For: 203.0.113.9\r\n",
            "X-Forwarded-For: 127.0.0.1\r\n",
            "Forwarded: for=127.0.0.1\r\n",
            "Via: 1.1 nginx\r\n",
            "X-Real-IP: 127.0.0.1\r\n",
        ] {
            let (head, body) = exchange(node.address, &page(lines)).await;
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            assert!(!body.contains("secret-plans"), "{lines}");
            assert_eq!(health(&node, lines).await["status"], "ok");
        }
    }
}
