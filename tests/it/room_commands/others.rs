//! What is no Scrible server, or one behind TLS; and that secrets go nowhere but to the server that was named.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{By, Guarded, KEY, PLANTED, by};
use crate::program::Place;

const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/boards/mixed.tldr");
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/cert.pem");

const OTHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/other.pem");

/// Something that answers whatever it is asked in one way, and then hangs up.
fn answering(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

fn http(head: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// TLS in front of a server.
async fn behind_tls(server: SocketAddr) -> SocketAddr {
    provider();
    let certificate = CertificateDer::from_pem_file(CERTIFICATE).unwrap();
    let key = Path::new(CERTIFICATE).with_file_name("key.pem");
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut inside) = acceptor.accept(stream).await {
                    let mut outside = TcpStream::connect(server).await.unwrap();
                    let _ = copy_bidirectional(&mut inside, &mut outside).await;
                }
            });
        }
    });
    address
}

/// The provider of this process.
fn provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[tokio::test]
async fn h19_what_is_no_server_of_ours_is_told() {
    let guarded = Guarded::start();
    let ann = guarded.ann();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = nobody.local_addr().unwrap();
    drop(nobody);
    let page = http("404 Not Found\r\nContent-Type: text/html", "<h1>nginx</h1>");
    let secure = http(
        "400 Bad Request\r\nContent-Type: text/html",
        "The plain HTTP request was sent to HTTPS port",
    );
    let plain = guarded.server.address;
    for (server, wanted) in [
        (
            format!("http://{silent}"),
            "start the server with `scrible`, or name it with --server",
        ),
        (
            format!("http://{}", answering(page)),
            "no Scrible server, or a proxy answers for it: status 404, text/html",
        ),
        (
            format!("http://{}", answering(http("200 OK", "{}"))),
            "of the same version",
        ),
        (
            format!("http://{}", answering(http("200 OK", "ok"))),
            "no Scrible server",
        ),
        (
            format!("http://{}", answering(secure)),
            "if it speaks TLS, write https://",
        ),
        (
            format!("http://{}", answering("SSH-2.0-OpenSSH\r\n".to_owned())),
            "does not answer as a web server does",
        ),
        (
            format!("https://{plain}"),
            "it does not speak TLS; if it is the plain server, write http://",
        ),
        (
            "ftp://h".to_owned(),
            "looks like https://host or http://host:port",
        ),
        (
            "http://name:password@h".to_owned(),
            "holds no user and no password",
        ),
    ] {
        let said = guarded.run_at(&server, by(&ann), &["room", "list"]);
        assert_eq!((said.code, &*said.out), (Some(1), ""), "{said:?}");
        assert!(said.err.contains(wanted), "{server}: {}", said.err);
        assert!(!said.err.contains(&ann), "{}", said.err);
    }
}

#[tokio::test]
async fn h19_no_redirect_is_followed() {
    let guarded = Guarded::start();
    let ann = guarded.ann();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let to = elsewhere.local_addr().unwrap();
    for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
        let redirect = format!("{status}\r\nLocation: http://{to}/api/rooms?token={PLANTED}");
        let server = answering(http(&redirect, ""));
        let at = format!("http://{server}");
        for words in [
            &["room", "list"][..],
            &["room", "create", "x"],
            &["import", BOARD, "x"],
        ] {
            let said = guarded.run_at(&at, by(&ann), words);
            assert_eq!(said.code, Some(1), "{said:?}");
            assert!(
                said.err.contains(&format!("redirects to http://{to}")),
                "{}",
                said.err
            );
            assert!(!said.err.contains(PLANTED), "{}", said.err);
        }
    }
    let asked = elsewhere.accept().map(|_| ()).unwrap_err();
    assert_eq!(asked.kind(), std::io::ErrorKind::WouldBlock, "nobody came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h19_a_server_behind_tls_is_asked_if_its_certificate_is_good() {
    let guarded = Guarded::start();
    let ann = guarded.ann();
    let front = behind_tls(guarded.server.address).await;
    let server = format!("https://{front}");
    // Instead of the system's own.
    let run = |authorities: &str, words: &[&str]| {
        let mut command = guarded.place.command(words);
        command
            .args(["--server", &server])
            .env("SCRIBLE_TOKEN", &ann);
        let output = command.env("SSL_CERT_FILE", authorities).output().unwrap();
        super::said(&output)
    };
    for words in [&["room", "list"][..], &["import", BOARD, "demo"]] {
        for (authorities, wanted) in [("/dev/null", "authorities"), (OTHER, "UnknownIssuer")] {
            let said = run(authorities, words);
            assert_eq!(said.code, Some(1), "{said:?}");
            assert!(said.err.contains("SSL_CERT_FILE"), "{said:?}");
            assert!(
                said.err.contains(wanted) && !said.err.contains(&ann),
                "{said:?}"
            );
        }
    }
    for words in [
        &["room", "create", "x"][..],
        &["room", "list"],
        &["import", BOARD, "demo"],
    ] {
        let said = run(CERTIFICATE, words);
        assert_eq!(said.code, Some(0), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h20_planted_secrets_are_found_in_no_output() {
    let place = Place::new();
    let mut command = place.command(&["serve", "--port", "0", "--log", "trace"]);
    let server = place.serve_logged(command.env("SCRIBLE_JWT_SECRET", KEY));
    let guarded = Guarded { place, server };
    let ann = guarded.ann();
    let token = format!("{PLANTED}token");
    let flag = format!("--token={PLANTED}flag");
    let password = format!("{PLANTED}password");
    let mut told = String::new();
    let mut run = |server: &str, by: By<'_>, words: &[&str]| {
        let said = guarded.run_at(server, by, words);
        told += &format!("{:?}\n{}\n{}\n", said.code, said.out, said.err);
    };
    let bad = By {
        token: Some(&token),
        input: Some(&password),
    };
    let good = By {
        token: Some(&ann),
        input: Some(&password),
    };
    let here = format!("http://{}", guarded.server.address);
    let odd = answering("no web server".to_owned());
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let all: &[&[&str]] = &[
        &["room", "create", "demo", "--password-stdin"],
        &["room", "create", "demo", "--password-stdin", "--json"],
        &["room", "list"],
        &["room", "list", "--search", "x", "--deleted"],
        &["room", "password", "demo", "--stdin"],
        &["room", "password", "demo", "--stdin", "--json"],
        &["room", "password", "demo", "--remove"],
        &["room", "invite", "demo", "--list"],
        &["room", "invite", "demo", "--revoke", "1"],
        &["room", "delete", "demo", "--yes"],
        &["room", "restore", "demo"],
        &["room", "delete", "demo", "--yes", "--purge"],
    ];
    for words in all {
        for server in [
            &here,
            &format!("http://{odd}"),
            &format!("https://{odd}"),
            &format!("http://{closed}"),
        ] {
            run(server, bad, words);
        }
        run(
            &here,
            By { token: None, ..bad },
            &[*words, &[&flag]].concat(),
        );
        run(&here, good, words);
    }
    run(&here, bad, &["import", BOARD, "demo"]);
    run(
        &here,
        By { token: None, ..bad },
        &["import", BOARD, "demo", &flag],
    );
    for words in [
        &["room", "create", "x", "--help"][..],
        &["import", "--help"],
        &["room", "list", &flag, &flag],
        &["room", "list", &flag, "--serve"],
        &["config"],
    ] {
        let mut command = guarded.place.command(words);
        let output = command.env("SCRIBLE_TOKEN", &token).output().unwrap();
        let said = super::said(&output);
        told += &format!("{}\n{}\n", said.out, said.err);
    }
    assert!(guarded.server.stop().success());
    let log = std::fs::read_to_string(guarded.place.file("log")).unwrap();
    for (text, wanted) in [
        (&told, "made with a password"),
        (&told, "bad-token"),
        (&log, "room_deleted"),
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    for line in told.lines().chain(log.lines()) {
        assert!(!line.contains(PLANTED) && !line.contains(&ann), "{line}");
    }
}
