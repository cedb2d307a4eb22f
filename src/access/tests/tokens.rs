//! Tokens that are good, and every way known in which one can be made to look so.

use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use scrible_store::Role;
use serde_json::{Value, json};

use super::{shared, tokens_config};
use crate::access::claims::{MAX_TOKEN_BYTES, Tokens};
use crate::access::{BadKey, Claims, Keys, Secret, TokensConfig};

const ES256: &[u8] = include_bytes!("keys/es256.pem");
const ES256_PUBLIC: &str = include_str!("keys/es256.pub.pem");
const EDDSA: &[u8] = include_bytes!("keys/eddsa.pem");
const EDDSA_PUBLIC: &str = include_str!("keys/eddsa.pub.pem");
const RS256: &[u8] = include_bytes!("keys/rs256.pem");
const RS256_PUBLIC: &str = include_str!("keys/rs256.pub.pem");

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// What a good token says, with some of it replaced; `null` takes a claim away.
fn said(change: Value) -> Value {
    let mut claims = json!({"sub": "ann", "exp": now() + 600, "rooms": {"demo": "editor"}});
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn signed(header: &Header, claims: &Value, key: &EncodingKey) -> Secret {
    Secret::new(&encode(header, claims, key).unwrap())
}

fn hs256(claims: &Value) -> Secret {
    let key = EncodingKey::from_secret(shared().reveal().as_bytes());
    signed(&Header::new(Algorithm::HS256), claims, &key)
}

/// A token of any parts, signed with the shared secret as if by HS256.
fn forged(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(shared().reveal().as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn read(config: &TokensConfig, token: &Secret) -> Result<Claims, &'static str> {
    Tokens::new(config).unwrap().read(token)
}

fn by_secret(token: &str) -> Result<Claims, &'static str> {
    read(&tokens_config(), &Secret::new(token))
}

fn of_key(pem: &str) -> TokensConfig {
    TokensConfig {
        secret: None,
        public_key: Some(pem.to_owned()),
        ..tokens_config()
    }
}

fn of_set(json: &Value) -> TokensConfig {
    TokensConfig {
        secret: None,
        key_set: Some(json.to_string()),
        ..tokens_config()
    }
}

/// The public half of a key as it stands in a set.
fn jwk(key: &EncodingKey, algorithm: Algorithm, id: Option<&str>) -> Value {
    let mut jwk = Jwk::from_encoding_key(key, algorithm).unwrap();
    jwk.common.key_id = id.map(str::to_owned);
    serde_json::to_value(jwk).unwrap()
}

#[test]
fn u7_what_a_token_says() {
    let claims = by_secret(
        hs256(&said(json!({
            "name": "Ann\n Lee ",
            "scope": "openid scrible:admin",
            "rooms": {"*": "viewer", "team/*": "editor", "demo": "owner"},
            "iat": now(),
            "other": {"is": ["ignored"]},
        })))
        .reveal(),
    );
    let claims = claims.unwrap();
    assert_eq!(&*claims.subject, "ann");
    assert_eq!(claims.name.as_deref(), Some("Ann Lee"));
    assert!(claims.is_admin);
    let rooms: Vec<_> = claims
        .rooms
        .iter()
        .map(|(pattern, role)| (&**pattern, *role))
        .collect();
    assert_eq!(
        rooms,
        [
            ("*", Role::Viewer),
            ("team/*", Role::Editor),
            ("demo", Role::Owner)
        ]
    );
    assert!(
        claims.expires_ms.abs_diff((now() as i64 + 630) * 1000) <= 2000,
        "with the leeway"
    );

    for (scope, is_admin) in [
        (json!(["a", "scrible:admin"]), true),
        (json!("scrible:administrator"), false),
        (json!("scrible:admin,openid"), false),
        (json!(["openid scrible:admin"]), false),
        (json!(""), false),
    ] {
        let claims = by_secret(hs256(&said(json!({"scope": scope}))).reveal()).unwrap();
        assert_eq!(claims.is_admin, is_admin, "{scope}");
    }
    let nothing = by_secret(hs256(&said(json!({"rooms": null}))).reveal()).unwrap();
    assert!(nothing.rooms.is_empty());
    let named = TokensConfig {
        rooms_claim: "https://example.com/rooms".to_owned(),
        ..tokens_config()
    };
    let token = hs256(&said(json!({"https://example.com/rooms": {"a": "viewer"}})));
    assert_eq!(
        read(&named, &token).unwrap().rooms,
        [("a".into(), Role::Viewer)]
    );
}

#[test]
fn u7_a_token_is_good_within_its_time_and_the_leeway() {
    for (claims, good) in [
        (json!({"exp": now() - 10}), true),
        (json!({"exp": now() - 40}), false),
        (json!({"exp": 0}), false),
        (json!({"exp": now() as f64 + 5.5}), true),
        (json!({"nbf": now() + 10}), true),
        (json!({"nbf": now() + 40}), false),
        (json!({"exp": u64::MAX}), true),
    ] {
        let read = by_secret(hs256(&said(claims.clone())).reveal());
        assert_eq!(read.is_ok(), good, "{claims}");
    }
    let strict = TokensConfig {
        leeway: Duration::ZERO,
        ..tokens_config()
    };
    assert!(read(&strict, &hs256(&said(json!({"exp": now() - 10})))).is_err());
}

#[test]
fn u7_a_claim_that_is_not_what_it_should_be_spoils_the_token() {
    for claims in [
        json!({"exp": null}),
        json!({"exp": (now() + 600).to_string()}),
        json!({"exp": true}),
        json!({"exp": -1}),
        json!({"exp": [now() + 600]}),
        json!({"exp": {}}),
        json!({"sub": null}),
        json!({"sub": 7}),
        json!({"sub": ["ann"]}),
        json!({"sub": ""}),
        json!({"sub": "ann\n"}),
        json!({"sub": "a".repeat(256)}),
        json!({"nbf": "tomorrow"}),
        json!({"nbf": {}}),
        json!({"iat": "now"}),
        json!({"name": 7}),
        json!({"scope": 7}),
        json!({"scope": {"scrible:admin": true}}),
        json!({"scope": ["scrible:admin", 7]}),
        json!({"aud": 7}),
        json!({"iss": {}}),
        json!({"rooms": "demo"}),
        json!({"rooms": ["demo"]}),
        json!({"rooms": {"demo": "Editor"}}),
        json!({"rooms": {"demo": "admin"}}),
        json!({"rooms": {"demo": 3}}),
        json!({"rooms": {"demo": ["editor"]}}),
        json!({"rooms": {"demo": "editor", "other": null}}),
        // Meant for somebody else, and nobody said for whom we are.
        json!({"aud": "scrible"}),
    ] {
        let read = by_secret(hs256(&said(claims.clone())).reveal());
        assert!(read.is_err(), "{claims}");
    }
    assert!(by_secret(hs256(&said(json!({}))).reveal()).is_ok());
    // JSON `null` is no way around it either.
    for name in ["exp", "sub", "name", "scope", "rooms", "nbf", "aud"] {
        let mut claims = said(json!({}));
        claims[name] = Value::Null;
        assert!(by_secret(hs256(&claims).reveal()).is_err(), "{name}");
    }
    // Said twice.
    let twice = r#"{"sub":"ann","exp":1,"exp":99999999999,"rooms":{}}"#;
    let head = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let message = format!("{head}.{}", BASE64_URL_SAFE_NO_PAD.encode(twice));
    let key = EncodingKey::from_secret(shared().reveal().as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    assert!(by_secret(&format!("{message}.{signature}")).is_err());
}

#[test]
fn u7_issuer_and_audience_count_where_they_are_configured() {
    let config = TokensConfig {
        issuer: Some("https://login.example/".to_owned()),
        audience: Some("scrible".to_owned()),
        ..tokens_config()
    };
    let good = json!({"iss": "https://login.example/", "aud": "scrible"});
    let with = |name: &str, value: Value| {
        let mut change = good.clone();
        change[name] = value;
        said(change)
    };
    assert!(read(&config, &hs256(&said(good.clone()))).is_ok());
    assert!(read(&config, &hs256(&with("aud", json!(["other", "scrible"])))).is_ok());
    for (name, value) in [
        ("iss", Value::Null),
        ("iss", json!("https://login.example")),
        ("iss", json!("https://login.example/x")),
        ("iss", json!(7)),
        ("iss", json!([])),
        ("aud", Value::Null),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(["other"])),
        ("aud", json!({"scrible": true})),
        ("aud", json!(["scrible", 7])),
    ] {
        let refused = read(&config, &hs256(&with(name, value.clone())));
        assert!(refused.is_err(), "{name} {value}");
    }
}

#[test]
fn u7_each_key_is_good_for_its_own_algorithm() {
    let keys = [
        (
            Algorithm::ES256,
            EncodingKey::from_ec_pem(ES256).unwrap(),
            ES256_PUBLIC,
        ),
        (
            Algorithm::EdDSA,
            EncodingKey::from_ed_pem(EDDSA).unwrap(),
            EDDSA_PUBLIC,
        ),
        (
            Algorithm::RS256,
            EncodingKey::from_rsa_pem(RS256).unwrap(),
            RS256_PUBLIC,
        ),
    ];
    for (algorithm, key, _) in &keys {
        let token = signed(&Header::new(*algorithm), &said(json!({})), key);
        for (other, _, public) in &keys {
            let read = read(&of_key(public), &token);
            assert_eq!(
                read.is_ok(),
                algorithm == other,
                "{algorithm:?} by {other:?}"
            );
        }
        assert!(
            by_secret(token.reveal()).is_err(),
            "{algorithm:?} by the secret"
        );
    }
    for (algorithm, _, public) in &keys {
        // Signed with what everybody knows.
        let public_as_secret = EncodingKey::from_secret(public.as_bytes());
        for name in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let token = signed(&Header::new(name), &said(json!({})), &public_as_secret);
            assert!(
                read(&of_key(public), &token).is_err(),
                "{name:?} for {algorithm:?}"
            );
        }
    }
    // The same key for another member of its family.
    for name in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let token = signed(&Header::new(name), &said(json!({})), &keys[2].1);
        assert!(read(&of_key(RS256_PUBLIC), &token).is_err(), "{name:?}");
    }
    for name in [Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(shared().reveal().as_bytes());
        let token = signed(&Header::new(name), &said(json!({})), &key);
        assert!(by_secret(token.reveal()).is_err(), "{name:?}");
    }
}

#[test]
fn u7_what_only_looks_like_a_token_is_refused() {
    let good = hs256(&said(json!({}))).reveal().to_owned();
    assert!(by_secret(&good).is_ok());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = message.split_once('.').unwrap();
    let none = |algorithm: &str| {
        let head =
            BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "typ": "JWT"}).to_string());
        [
            format!("{head}.{payload}."),
            format!("{head}.{payload}.{signature}"),
        ]
    };
    let mut bad: Vec<String> = ["none", "None", "NONE", "nOnE", "", "HS257"]
        .into_iter()
        .flat_map(none)
        .collect();
    let other = EncodingKey::from_secret(b"another secret of at least 32 bytes");
    bad.extend([
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "a.b.c".to_owned(),
        message.to_owned(),
        format!("{message}."),
        format!("{good}."),
        format!("{good}.x"),
        format!("{good} "),
        format!("{head}.{payload}.{payload}"),
        format!("{message}.{}", &signature[1..]),
        good.replace('.', "。"),
        encode(&Header::default(), &said(json!({})), &other).unwrap(),
        encode(
            &Header::default(),
            &said(json!({})),
            &EncodingKey::from_secret(b""),
        )
        .unwrap(),
        forged(&json!({"alg": "HS256", "crit": ["exp"]}), &said(json!({}))),
        forged(&json!({"typ": "JWT"}), &said(json!({}))),
        forged(&json!({"alg": ["HS256"]}), &said(json!({}))),
        forged(&json!([]), &said(json!({}))),
        forged(&json!({"alg": "HS256"}), &json!([])),
        forged(&json!({"alg": "HS256"}), &json!("ann")),
        forged(
            &json!({"alg": "HS256"}),
            &said(json!({"x": "a".repeat(MAX_TOKEN_BYTES)})),
        ),
    ]);
    for token in bad {
        assert!(by_secret(&token).is_err(), "{token}");
    }
    // Every byte of it counts.
    for at in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(by_secret(&changed).is_err(), "{at}");
    }
    // What a token says of keys, wherever it points, is looked at no further.
    for header in [
        json!({"alg": "HS256", "kid": "../../dev/null"}),
        json!({"alg": "HS256", "kid": "' OR 1=1 --"}),
        json!({"alg": "HS256", "jku": "https://evil.example/jwks", "x5u": "https://evil.example/"}),
    ] {
        assert!(
            by_secret(&forged(&header, &said(json!({})))).is_ok(),
            "{header}"
        );
    }
}

#[test]
fn u7_a_set_chooses_its_key_by_kid() {
    let ec = EncodingKey::from_ec_pem(ES256).unwrap();
    let ed = EncodingKey::from_ed_pem(EDDSA).unwrap();
    let rsa = EncodingKey::from_rsa_pem(RS256).unwrap();
    let token = |algorithm, key: &EncodingKey, id: Option<&str>| {
        let header = Header {
            kid: id.map(str::to_owned),
            ..Header::new(algorithm)
        };
        signed(&header, &said(json!({})), key)
    };
    let set = of_set(&json!({"keys": [
        jwk(&ec, Algorithm::ES256, Some("a")),
        jwk(&ed, Algorithm::EdDSA, Some("b")),
        jwk(&rsa, Algorithm::RS256, Some("c")),
        {"kty": "RSA", "use": "enc", "kid": "d", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "secp256k1", "kid": "e", "x": "", "y": "", "alg": "ES256K"},
        {"kty": "oct", "kid": "f", "k": BASE64_URL_SAFE_NO_PAD.encode(shared().reveal())},
        {"kty": "new"},
    ]}));
    assert!(read(&set, &token(Algorithm::ES256, &ec, Some("a"))).is_ok());
    assert!(read(&set, &token(Algorithm::EdDSA, &ed, Some("b"))).is_ok());
    assert!(read(&set, &token(Algorithm::RS256, &rsa, Some("c"))).is_ok());
    // Without a name, where there is one key that it can be.
    assert!(read(&set, &token(Algorithm::EdDSA, &ed, None)).is_ok());
    for id in [
        "b",
        "c",
        "d",
        "e",
        "f",
        "",
        "A",
        "a ",
        "../a",
        "' OR 1=1 --",
    ] {
        assert!(
            read(&set, &token(Algorithm::ES256, &ec, Some(id))).is_err(),
            "{id}"
        );
    }
    let secret = EncodingKey::from_secret(shared().reveal().as_bytes());
    assert!(
        read(&set, &token(Algorithm::HS256, &secret, Some("f"))).is_err(),
        "a secret in a set of public keys"
    );
    let one = of_set(&json!({"keys": [jwk(&ec, Algorithm::ES256, None)]}));
    assert!(read(&one, &token(Algorithm::ES256, &ec, Some("whatever"))).is_ok());
    assert!(read(&one, &token(Algorithm::ES256, &ec, None)).is_ok());
    // A set beside a secret: each token finds its own key.
    let both = TokensConfig {
        secret: Some(shared()),
        ..set
    };
    assert!(read(&both, &hs256(&said(json!({})))).is_ok());
    assert!(read(&both, &token(Algorithm::EdDSA, &ed, Some("b"))).is_ok());
}

#[test]
fn u7_what_is_no_key_stops_the_start() {
    let public = |pem: &str| Keys::of_pem(pem).map(|_| ());
    for pem in [ES256_PUBLIC, EDDSA_PUBLIC, RS256_PUBLIC] {
        assert_eq!(public(pem), Ok(()), "{pem}");
    }
    for pem in [ES256, EDDSA, RS256] {
        assert_eq!(
            public(std::str::from_utf8(pem).unwrap()),
            Err(BadKey::Private)
        );
    }
    for pem in [
        "",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        include_str!("keys/es384.pub.pem"),
        include_str!("keys/rs1024.pub.pem"),
    ] {
        assert_eq!(public(pem), Err(BadKey::NoPublicKey), "{pem}");
    }
    let secret = |text: &str| Keys::of_secret(&Secret::new(text)).map(|_| ());
    assert_eq!(secret(&"a".repeat(31)), Err(BadKey::Short));
    assert_eq!(secret(&"a".repeat(32)), Ok(()));
    let ed = EncodingKey::from_ed_pem(EDDSA).unwrap();
    let key = |id| jwk(&ed, Algorithm::EdDSA, id);
    for set in [
        json!({}),
        json!([]),
        json!({"keys": []}),
        json!({"keys": {}}),
        json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
        json!({"keys": [key(Some("a")), key(None)]}),
        json!({"keys": [key(Some("a")), key(Some("a"))]}),
        json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}]}),
    ] {
        assert_eq!(
            Keys::of_set(&set.to_string()).map(|_| ()),
            Err(BadKey::NoKeySet),
            "{set}"
        );
    }
    assert!(Keys::of_set(&json!({"keys": [key(Some("a")), key(Some("b"))]}).to_string()).is_ok());
}
