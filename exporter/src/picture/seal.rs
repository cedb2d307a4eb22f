//! A written SVG made fit to be shown to anybody.
//!
//! The library that writes it takes ids over as they are, and ids are a stranger's words. Knows the writer's manner: elements
//! and attributes in double quotes, no text. The rule: what goes out is well-formed and refers to itself alone, or does not go
//! out.

use usvg::roxmltree::{Document, Node, ParsingOptions};

/// What the writer escapes itself, and what we do.
const ESCAPED: [&str; 5] = ["&quot;", "&apos;", "&amp;", "&lt;", "&gt;"];

/// `None` when it cannot be made harmless.
pub(super) fn seal(written: &str, most_nodes: u32) -> Option<String> {
    let mut sealed = String::with_capacity(written.len());
    let mut in_value = false;
    for (at, character) in written.char_indices() {
        match character {
            '"' => {
                in_value = !in_value;
                sealed.push('"');
            }
            '<' if in_value => sealed.push_str("&lt;"),
            '&' if !ESCAPED.iter().any(|name| written[at..].starts_with(name)) => {
                sealed.push_str("&amp;");
            }
            other => sealed.push(other),
        }
    }
    let parsing = ParsingOptions {
        nodes_limit: most_nodes,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&sealed, parsing).ok()?;
    let is_clean = document.descendants().filter(Node::is_element).all(|node| {
        node.attributes().all(|attribute| match attribute.name() {
            "href" => is_inside(attribute.value()),
            "id" => true,
            name => {
                let urls = attribute.value().match_indices("url(").count();
                !name.starts_with("on") && urls == attribute.value().match_indices("url(#").count()
            }
        })
    });
    is_clean.then_some(sealed)
}

fn is_inside(href: &str) -> bool {
    href.starts_with('#') || href.starts_with("data:image/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(attributes: &str) -> Option<String> {
        let head = "<svg xmlns=\"http://www.w3.org/2000/svg\" ";
        let sealed = seal(&format!("{head}{attributes}/>"), 100)?;
        Some(sealed[head.len()..sealed.len() - 2].to_owned())
    }

    #[test]
    fn values_are_escaped_once() {
        assert_eq!(sealed("id=\"a<b\"").unwrap(), "id=\"a&lt;b\"");
        assert_eq!(
            sealed("id=\"R&D &amp; &lt;&#60;\"").unwrap(),
            "id=\"R&amp;D &amp; &lt;&amp;#60;\""
        );
        assert_eq!(
            sealed("id=\"&quot; onload=&apos;x\"").unwrap(),
            "id=\"&quot; onload=&apos;x\""
        );
    }

    #[test]
    fn only_references_to_itself_go_out() {
        assert!(sealed("id=\"url(x)\" fill=\"url(#a)\" href=\"#a\"").is_some());
        assert!(sealed("href=\"data:image/png;base64,AAAA\"").is_some());
        for bad in [
            "href=\"http://a/\"",
            "href=\"data:text/html,a\"",
            "filter=\"url(#a) url(http://a/#b)\"",
            "onload=\"a\"",
            "a=\"1\" a=\"2\"",
            "a=1",
        ] {
            assert_eq!(sealed(bad), None, "{bad}");
        }
    }
}
