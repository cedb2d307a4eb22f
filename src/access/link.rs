//! Links: what an unchanged front end carries as a part of the room's name, `room~g…`, and what stands for a grant in it.
//!
//! A secret is made from a person's cookie and not stored, so that the same person gets the same link again. The rule: nobody who has a link can
//! make from it the cookie, or the link to another room.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::Secret;
use crate::room::RoomName;

/// Of the bytes of an HMAC, those that are the secret: 128 bits.
const SECRET_BYTES: usize = 16;

/// What stands for a person's grant in links to a room. Another `epoch` makes another one: see [`Grant::epoch`](scrible_store::Grant::epoch).
pub fn secret(cookie: &Secret, room: &RoomName, epoch: u32) -> Secret {
    let mut mac = Hmac::<Sha256>::new_from_slice(cookie.reveal().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(b"scrible link\0");
    mac.update(room.as_str().as_bytes());
    mac.update(&[0]);
    mac.update(&epoch.to_be_bytes());
    let bytes = mac.finalize().into_bytes();
    Secret::new(&BASE64_URL_SAFE_NO_PAD.encode(&bytes[..SECRET_BYTES]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Address;

    #[test]
    fn u12_a_link_is_one_for_a_person_a_room_and_an_epoch() {
        let (ann, ben) = (Secret::new("ann"), Secret::new("ben"));
        let room = |name| RoomName::new(name).unwrap();
        let link = secret(&ann, &room("demo"), 1);
        assert_eq!(secret(&ann, &room("demo"), 1), link);
        assert_ne!(secret(&ben, &room("demo"), 1), link);
        assert_ne!(secret(&ann, &room("dem"), 1), link);
        assert_ne!(secret(&ann, &room("demo"), 2), link);
        let address = Address {
            room: room("demo"),
            link: Some(link.clone()),
        };
        let read = Address::from_path(&format!("/{}", address.reveal())).unwrap();
        assert_eq!((read.room, read.link), (room("demo"), Some(link)));
    }
}
