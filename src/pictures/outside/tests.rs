//! A listener of our own, which counts who comes, and a name server that says what it is told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers every request alike.
struct Host {
    port: u16,
    asked: Arc<AtomicUsize>,
    last: Arc<Mutex<String>>,
}

impl Host {
    async fn answering(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, last) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::default()));
        let (count, heard): (_, Arc<Mutex<String>>) = (asked.clone(), last.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match socket.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                *heard.lock().unwrap() = String::from_utf8_lossy(&head).into_owned();
                // Whoever has heard enough hangs up.
                let _ = socket.write_all(&answer).await;
            }
        });
        Self { port, asked, last }
    }

    fn url(&self, host: &str) -> Url {
        Url::parse(&format!("http://{host}:{}/a.png", self.port)).unwrap()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Answers one question after the other, and the last one for ever.
struct Answers(Mutex<Vec<Vec<IpAddr>>>);

impl Answers {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|one| one.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(parse).collect())))
    }
}

impl Lookup for Answers {
    fn addresses(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.remove(0),
        };
        Box::pin(async move { Ok(answer) })
    }
}

fn anywhere(lookup: Arc<Answers>) -> Outside {
    Outside::with(Vec::new(), lookup, |_| true).unwrap()
}

fn plenty() -> Allowance {
    Allowance::new(1 << 30)
}

fn told(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn m10_nothing_is_asked_that_is_not_in_public() {
    let host = Host::answering(told("200 OK", "", b"secret")).await;
    for address in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let outside =
            Outside::with(Vec::new(), Answers::new(&[&["127.0.0.1"]]), is_public).unwrap();
        let refused = outside
            .fetch(&host.url(address), &plenty())
            .await
            .unwrap_err();
        assert!(
            matches!(refused, NotFetched::NotPublic),
            "{address}: {refused}"
        );
    }
    for answers in [
        &[&["127.0.0.1"][..]][..],
        &[&["::1"]],
        &[&["::ffff:127.0.0.1"]],
        &[&["169.254.169.254"]],
        // One that is, and one that is not.
        &[&["93.184.215.14", "127.0.0.1"]],
        &[&["127.0.0.1", "93.184.215.14"]],
        &[&[]],
    ] {
        let outside = Outside::with(Vec::new(), Answers::new(answers), is_public).unwrap();
        outside
            .fetch(&host.url("images.example"), &plenty())
            .await
            .unwrap_err();
    }
    // As this machine's own name server says.
    let outside = Outside::of(vec![ImageHost::parse("localhost").unwrap()])
        .unwrap()
        .unwrap();
    outside
        .fetch(&host.url("localhost"), &plenty())
        .await
        .unwrap_err();
    assert_eq!(host.asked(), 0);
}

#[tokio::test]
async fn m10_the_address_that_was_judged_is_the_one_that_is_asked() {
    let host = Host::answering(told("200 OK", "", b"picture")).await;
    // Whoever looked the name up a second time to connect would come here.
    let changing = Answers::new(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let outside = Outside::with(Vec::new(), changing, |address| {
        assert_eq!(address, IpAddr::from([127, 0, 0, 2]));
        true
    });
    let failed = outside
        .unwrap()
        .fetch(&host.url("images.example"), &plenty())
        .await;
    assert!(matches!(failed, Err(NotFetched::Failed(_))), "{failed:?}");
    assert_eq!(host.asked(), 0);
}

#[tokio::test]
async fn m11_a_picture_is_fetched_once_and_nothing_is_followed() {
    let names = || Answers::new(&[&["127.0.0.1"]]);
    let host = Host::answering(told("200 OK", "Set-Cookie: a=b\r\n", b"picture")).await;
    let outside = anywhere(names());
    let url = host.url("images.example");
    assert_eq!(outside.fetch(&url, &plenty()).await.unwrap(), "picture");
    assert_eq!(outside.fetch(&url, &plenty()).await.unwrap(), "picture");
    assert_eq!(host.asked(), 2);
    let request = host.last.lock().unwrap().to_lowercase();
    assert!(request.starts_with("get /a.png http/1.1\r\n"), "{request}");
    for header in ["cookie", "authorization", "referer"] {
        assert!(!request.contains(&format!("\r\n{header}:")), "{request}");
    }

    let secret = Host::answering(told("200 OK", "", b"secret")).await;
    let location = format!("Location: {}\r\n", secret.url("127.0.0.1"));
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let host = Host::answering(told(status, &location, b"")).await;
        let refused = outside
            .fetch(&host.url("images.example"), &plenty())
            .await
            .unwrap_err();
        assert!(matches!(refused, NotFetched::Status(300..400)), "{refused}");
    }
    assert_eq!(secret.asked(), 0);
}

#[tokio::test]
async fn m11_a_picture_has_an_end() {
    let outside = anywhere(Answers::new(&[&["127.0.0.1"]]));
    let large = vec![0; MAX_BYTES + 1];
    let unsaid = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", &large[..]].concat();
    for answer in [told("200 OK", "", &large), unsaid] {
        let host = Host::answering(answer).await;
        let refused = outside
            .fetch(&host.url("images.example"), &plenty())
            .await
            .unwrap_err();
        assert!(matches!(refused, NotFetched::TooLarge), "{refused}");
    }
}

#[tokio::test]
async fn m11_what_came_counts_whether_it_is_kept_or_not() {
    let outside = anywhere(Answers::new(&[&["127.0.0.1"]]));
    let unsaid = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nno picture";
    for answer in [told("200 OK", "", b"no picture"), unsaid.to_vec()] {
        let host = Host::answering(answer).await;
        let url = host.url("images.example");
        let left = Allowance::new(15);
        assert_eq!(outside.fetch(&url, &left).await.unwrap(), "no picture");
        let refused = outside.fetch(&url, &left).await.unwrap_err();
        assert!(matches!(refused, NotFetched::NoneLeft), "{refused}");
    }
}
