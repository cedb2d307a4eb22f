//! Patterns of room names, with which a token says what its holder may do where.
//!
//! A pattern is the name of a room, or a beginning and `*`. The rule: the most specific one that fits counts alone, so that `*` can give
//! less to all rooms than a name gives to one, and a name less than `*` gives to all.

use std::cmp::Reverse;
use std::sync::Arc;

use scrible_store::{Role, VisibleTo};

/// What patterns give in a room: the name itself before any beginning, a longer beginning before a shorter one.
pub fn role_in(room: &str, patterns: &[(Arc<str>, Role)]) -> Option<Role> {
    let fitting = patterns.iter().filter_map(|(pattern, role)| {
        let specific = match pattern.strip_suffix('*') {
            Some(beginning) => room
                .starts_with(beginning)
                .then_some((false, beginning.len())),
            None => (**pattern == *room).then_some((true, 0)),
        };
        // Of two that are the same, the lower one.
        specific.map(|specific| (specific, Reverse(*role)))
    });
    fitting.max().map(|(_, Reverse(role))| role)
}

/// The rooms that patterns name, for a search.
pub fn visible(patterns: &[(Arc<str>, Role)]) -> VisibleTo {
    let mut visible = VisibleTo::default();
    for (pattern, _) in patterns {
        match pattern.strip_suffix('*') {
            Some(beginning) => visible.prefixes.push(beginning.into()),
            None => visible.names.push(pattern.clone()),
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u7_the_most_specific_pattern_counts_alone() {
        let patterns = |list: &[(&str, Role)]| -> Vec<(Arc<str>, Role)> {
            list.iter()
                .map(|(pattern, role)| ((*pattern).into(), *role))
                .collect()
        };
        use Role::{Editor, Owner, Viewer};
        let team = patterns(&[
            ("*", Viewer),
            ("team/*", Editor),
            ("team/plan", Viewer),
            ("team/plan/*", Owner),
            ("team/a*b", Owner),
        ]);
        for (room, role) in [
            ("other", Some(Viewer)),
            ("team", Some(Viewer)),
            ("team/", Some(Editor)),
            ("team/x", Some(Editor)),
            ("Team/x", Some(Viewer)),
            ("team/plan", Some(Viewer)),
            ("team/plan/b", Some(Owner)),
            // A star in the middle is a star.
            ("team/acb", Some(Editor)),
            ("team/a*b", Some(Owner)),
        ] {
            assert_eq!(role_in(room, &team), role, "{room}");
        }
        assert_eq!(
            role_in("a", &patterns(&[("b", Owner), ("aa*", Owner)])),
            None
        );
        assert_eq!(role_in("a", &[]), None);
        assert_eq!(
            role_in("a", &patterns(&[("a", Owner), ("a", Viewer)])),
            Some(Viewer)
        );
        let visible = visible(&team);
        assert_eq!(visible.names.len(), 2);
        assert_eq!(
            visible
                .prefixes
                .iter()
                .map(|one| &**one)
                .collect::<Vec<_>>(),
            ["", "team/", "team/plan/"]
        );
    }
}
