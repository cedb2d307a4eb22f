//! TLS of the commands that connect to a server: what computes it, and what went wrong in words.
//!
//! Knows rustls, and neither HTTP nor WebSockets. The rule: there is one provider in this program, and it is ring.

use std::error::Error;
use std::io;

/// Makes ring the provider of this process, before anything connects. More than once does no harm.
pub fn ready() {
    // Refused where one is installed already, which can only be this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What is wrong with the TLS of the other side and what to do about it; `None` where an error is about something else.
pub fn trouble(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(sentence(found));
        }
        cause = match error.downcast_ref::<io::Error>() {
            // What it was made of is not among its sources.
            Some(error) => error
                .get_ref()
                .map(|within| within as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn sentence(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS; if it is the plain server, write http://".to_owned()
        }
        rustls::Error::InvalidCertificate(_) => format!(
            "{error}; if it is the right server, name the file (PEM) of the authority that signed its certificate in SSL_CERT_FILE"
        ),
        _ => format!("TLS does not come about: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h19_what_is_wrong_with_tls_is_found_however_deep_it_is() {
        let certificate =
            rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, certificate));
        let sentence = trouble(&wrapped).unwrap();
        assert!(
            sentence.contains("UnknownIssuer") && sentence.contains("SSL_CERT_FILE"),
            "{sentence}"
        );
        assert!(trouble(&plain).unwrap().contains("http://"));
        assert_eq!(trouble(&io::Error::other("something else")), None);
    }
}
