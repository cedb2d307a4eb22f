//! What the join page is made of: all that it may come to show is in it, and its script uncovers one part at a time.
//!
//! The rule: a name is text. It stands in the page escaped, in `data-room` and in the heading, and never in a script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{SCRIPT, STYLE};

/// The page of a room.
pub fn door(room: &str) -> Markup {
    let content = html! {
        h1 #room tabindex="-1" { bdi { (room) } }
        p #lead .lead { "You are about to join this board." }
        noscript { p .says { "This page needs JavaScript, as the board behind it does." } }
        p #wait .wait hidden { span .spinner aria-hidden="true" {} "One moment…" }
        (ask())
        (joined())
        (inside())
        section #stop hidden aria-labelledby="stop-title" {
            h2 #stop-title tabindex="-1" {}
            p #stop-text {}
            button #again type="button" { "Try again" }
        }
    };
    around(
        room,
        &html! {
            main .card #door data-room=(room) { (brand()) (content) }
            script { (PreEscaped(SCRIPT)) }
        },
    )
}

/// The page of a name that no room can have.
pub fn no_room(why: &str) -> Markup {
    around(
        "No such room",
        &html! {
            main .card {
                (brand())
                h1 { "No room can have this name" }
                p .lead { (why) "." }
                p { "Look at the address again, or ask whoever sent it for the whole of it." }
            }
        },
    )
}

fn around(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Scrible" }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

fn brand() -> Markup {
    html! {
        p .brand {
            svg viewBox="0 0 48 32" width="42" height="28" aria-hidden="true" focusable="false" {
                path d="M3 24c6-15 13-21 15-17s-9 17-4 18 12-15 16-14-6 13-1 14 9-6 16-8" {}
            }
            "Scrible"
        }
    }
}

/// A name, and a password where one is needed. `post` only so that nothing could end up in an address; the script sends it.
fn ask() -> Markup {
    html! {
        form #ask method="post" hidden novalidate {
            p #invited .note hidden { "You have an invite. Say what you want to be called, and come in." }
            div .field {
                label for="name" { "Your name" }
                input #name type="text" name="name" autocomplete="nickname" maxlength="60" spellcheck="false" required aria-describedby="name-says";
                p #name-says .hint { "What others here know you by." }
            }
            div .field #password-field hidden {
                label for="password" { "Password of the room" }
                div .with {
                    input #password type="password" name="password" autocomplete="current-password" maxlength="128" required aria-describedby="says";
                    button #show .quiet type="button" aria-pressed="false" aria-controls="password" { "Show" }
                }
            }
            p #says .says role="alert" {}
            button #go type="submit" { "Join" }
            p #closed .hint hidden { "Were you sent an invite? Open the whole link that it came with." }
        }
    }
}

fn joined() -> Markup {
    html! {
        section #joined hidden aria-labelledby="joined-title" {
            h2 #joined-title tabindex="-1" { "Welcome back" }
            p { "You have joined this board before." }
            p #joined-says .says role="alert" {}
            button #on type="button" { "Go to the board" }
        }
    }
}

/// Let in, and something to be told before going on.
fn inside() -> Markup {
    html! {
        section #inside hidden aria-labelledby="inside-title" {
            h2 #inside-title tabindex="-1" {}
            p #looking .note hidden {
                (eye())
                "You can watch everything that happens, but your own changes are not taken. Ask the owner of the board if you want to draw."
            }
            a #open .button rel="noreferrer" { "Open the board" }
            div #by-hand hidden {
                p { "Or give your own editor this room name:" }
                p .with { code #link tabindex="0" {} button #copy .quiet type="button" { "Copy" } }
                p .hint { "The name is yours alone: whoever has it comes in as you." }
            }
            p #until .hint hidden { "Your access ends " time #until-time {} "." }
        }
    }
}

fn eye() -> Markup {
    html! {
        svg .eye viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" focusable="false" {
            path d="M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12Z" {}
            circle cx="12" cy="12" r="2.8" {}
        }
    }
}
