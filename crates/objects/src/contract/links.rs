//! Links that somebody follows who has nothing else.
//!
//! Knows the trait alone. The rule: what a link gives is seen by following it.

use std::time::{Duration, SystemTime};

use super::{Fetched, Place, key, object};
use crate::{Disposition, LinkTerms, MAX_LINK_LIFE, ObjectError};

/// To somebody who has nothing else.
pub async fn a_link_gives_the_object(place: &dyn Place) {
    let objects = place.objects();
    objects.put(&key("a/b"), object("linked")).await.unwrap();
    let terms = LinkTerms::lasting(Duration::from_secs(60));
    let before = SystemTime::now();
    let link = objects.link(&key("a/b"), &terms).await.unwrap();
    assert!(link.expires >= before + Duration::from_secs(60));
    assert!(link.expires <= SystemTime::now() + Duration::from_secs(60));
    let fetched = Fetched {
        bytes: "linked".into(),
        content_type: "text/plain".to_owned(),
        disposition: Disposition::inline("a.txt").to_string(),
    };
    assert_eq!(place.fetch(&link.url).await, Some(fetched));
    objects.delete(&key("a/b")).await.unwrap();
    assert_eq!(place.fetch(&link.url).await, None);
}

/// So one object can be shown and saved.
pub async fn a_link_may_name_another_disposition(place: &dyn Place) {
    let objects = place.objects();
    objects.put(&key("a"), object("linked")).await.unwrap();
    let disposition = Disposition::attachment("Tafel ä & b.txt");
    let terms = LinkTerms {
        disposition: Some(disposition.clone()),
        ..LinkTerms::lasting(Duration::from_secs(60))
    };
    let link = objects.link(&key("a"), &terms).await.unwrap();
    let fetched = place.fetch(&link.url).await.unwrap();
    assert_eq!(fetched.disposition, disposition.as_str());
    assert_eq!(fetched.bytes, "linked");
}

/// And for nothing that somebody makes of it.
pub async fn a_link_is_for_one_object(place: &dyn Place) {
    let objects = place.objects();
    for name in ["a", "b"] {
        objects.put(&key(name), object(name)).await.unwrap();
    }
    let terms = LinkTerms::lasting(Duration::from_secs(60));
    let link = objects.link(&key("a"), &terms).await.unwrap();
    let (path, query) = link.url.split_once('?').unwrap();
    let other = path.strip_suffix("/a").unwrap();
    assert_eq!(place.fetch(&format!("{other}/b?{query}")).await, None);
    assert_eq!(place.fetch(path).await, None);
    let longer = query.replace("xpires=", "xpires=9");
    assert_ne!(longer, query);
    assert_eq!(place.fetch(&format!("{path}?{longer}")).await, None);
    assert!(place.fetch(&link.url).await.is_some());
}

/// Asked for anything else, none is made.
pub async fn a_link_lasts_from_a_second_to_a_week(place: &dyn Place) {
    let objects = place.objects();
    for life in [Duration::from_secs(1), MAX_LINK_LIFE] {
        let terms = LinkTerms::lasting(life);
        objects.link(&key("a"), &terms).await.unwrap();
    }
    let tick = Duration::from_nanos(1);
    for life in [
        Duration::ZERO,
        Duration::from_secs(1) - tick,
        MAX_LINK_LIFE + tick,
    ] {
        let terms = LinkTerms::lasting(life);
        let error = objects.link(&key("a"), &terms).await.unwrap_err();
        assert!(matches!(error, ObjectError::Invalid(_)), "{error}");
    }
}
