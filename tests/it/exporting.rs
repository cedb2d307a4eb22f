//! `scrible export` by the program itself: from files, from standard input, and of rooms beside a server.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::asking::Ask;
use crate::boards::{FRAMES, MIXED};
use crate::drawing::board;
use crate::pictures::image;
use crate::program::{Place, Process, Said};

const V1: &[u8] = include_bytes!("../data/boards/mixed.v1.bin");
const V2: &[u8] = include_bytes!("../data/boards/mixed.v2.bin");
const PAGES: &[u8] =
    include_bytes!("../../crates/board/tests/data/layouts/pages-several/array-kv.bin");
const TWO_BOARDS: &[u8] =
    include_bytes!("../../crates/board/tests/data/layouts/pages-several/two-boards.bin");
const SCRIPTS: &[u8] = include_bytes!("../../exporter/tests/data/text-scripts/records.json");
const CHINESE: &[u8] = include_bytes!("../../exporter/tests/data/fonts/droid-fallback-subset.ttf");

/// A folder with a file in it.
fn place(name: &str, bytes: &[u8]) -> Place {
    let place = Place::new();
    std::fs::write(place.file(name), bytes).unwrap();
    place
}

/// What a command wrote that went well and had nothing to say.
fn wrote(place: &Place, arguments: &[&str], name: &str) -> Vec<u8> {
    let said = place.run(&[&["export"], arguments].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.starts_with(&format!("wrote {name} (")), "{said:?}");
    std::fs::read(place.file(name)).unwrap()
}

fn refused(place: &Place, arguments: &[&str]) -> Said {
    let files = || std::fs::read_dir(place.folder()).unwrap().count();
    let before = files();
    let said = place.run(&[&["export"], arguments].concat());
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    assert!(said.err.starts_with("scrible: "), "{said:?}");
    assert_eq!(files(), before, "nothing is written");
    said
}

/// Width and height as a PNG's head says them.
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[1..4], b"PNG");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

fn import(place: &Place, server: &Process, arguments: &[&str]) {
    let url = format!("ws://{}", server.address);
    let said = place.run(&[&["import"], arguments, &["--server", &url]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[test]
fn e1_a_board_is_the_same_picture_whatever_it_is_read_from() {
    let place = place("mixed.tldr", MIXED.as_bytes());
    std::fs::write(place.file("v1.bin"), V1).unwrap();
    std::fs::write(place.file("v2.bin"), V2).unwrap();
    let svg = ["--format", "svg"];
    let from_file = wrote(&place, &[&["mixed.tldr"], &svg[..]].concat(), "mixed.svg");
    assert!(from_file.starts_with(b"<svg "));
    let json = wrote(
        &place,
        &["mixed.tldr", "-o", "snapshot.json"],
        "snapshot.json",
    );
    assert!(json.starts_with(b"{\"schema\":"));
    let from_json = wrote(
        &place,
        &[&["snapshot.json"], &svg[..]].concat(),
        "snapshot.svg",
    );
    assert!(from_json == from_file);
    let from_v1 = wrote(&place, &[&["v1.bin"], &svg[..]].concat(), "v1.svg");
    let from_v2 = wrote(&place, &[&["v2.bin"], &svg[..]].concat(), "v2.svg");
    assert!(from_v1 == from_v2);
}

#[test]
fn e1_standard_input_goes_to_standard_output() {
    let place = place("mixed.tldr", MIXED.as_bytes());
    let whole = wrote(&place, &["mixed.tldr", "-o", "x.svg"], "x.svg");
    let mut command = place.command(&["export", "-", "--format", "svg"]);
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(MIXED.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout == whole);
    let output = place
        .command(&["export", "mixed.tldr", "-o", "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    size(&output.stdout);
}

#[test]
fn e2_the_format_is_said_or_follows_from_the_output() {
    let place = place("frames.tldr", FRAMES.as_bytes());
    let png = wrote(&place, &["frames.tldr"], "frames.png");
    let (width, height) = size(&png);
    let said = place.run(&["export", "frames.tldr"]);
    let told = format!("wrote frames.png ({width} x {height} px, ");
    assert!(said.out.starts_with(&told), "{said:?}");
    assert!(
        std::fs::read(place.file("frames.png")).unwrap() == png,
        "the same again"
    );
    // Margins that are trimmed depend on the pixels; those that are asked for do not.
    let of_size = |scale: &str, output: &str| {
        let asked = ["--padding", "8", "--scale", scale, "-o", output];
        let file = wrote(&place, &[&["frames.tldr"], &asked[..]].concat(), output);
        size(&file)
    };
    let ((width, height), (wide, high)) = (of_size("1", "1.png"), of_size("2", "2.png"));
    assert!(wide.abs_diff(2 * width) <= 2 && high.abs_diff(2 * height) <= 2);
    let dark = [
        "frames.tldr",
        "--dark",
        "--transparent",
        "--padding",
        "0",
        "-o",
        "dark.svg",
    ];
    let dark = String::from_utf8(wrote(&place, &dark, "dark.svg")).unwrap();
    let light = ["frames.tldr", "-o", "light.svg"];
    let light = String::from_utf8(wrote(&place, &light, "light.svg")).unwrap();
    assert_ne!(dark, light);
    let tldr = wrote(
        &place,
        &["frames.tldr", "--format", "tldr", "-o", "copy"],
        "copy",
    );
    let [copy, original]: [Value; 2] =
        [&tldr[..], FRAMES.as_bytes()].map(|file| serde_json::from_slice(file).unwrap());
    assert_eq!(copy["schema"], original["schema"]);
    let ids = |file: &Value| {
        let records = file["records"].as_array().unwrap().iter();
        let ids = records.map(|record| record["id"].as_str().unwrap().to_owned());
        // A person's session stays out.
        let ids = ids.filter(|id| {
            !["camera", "instance", "pointer"]
                .iter()
                .any(|it| id.starts_with(it))
        });
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&copy), ids(&original));
}

#[test]
fn e3_pages_and_shapes_are_chosen_by_number_id_or_name() {
    let place = place("board.bin", PAGES);
    let json = wrote(&place, &["board.bin", "-o", "board.json"], "board.json");
    let json: Value = serde_json::from_slice(&json).unwrap();
    let records = json["store"].as_object().unwrap().values();
    let second = records
        .clone()
        .find(|record| record["name"] == "Second")
        .unwrap();
    let id = second["id"].as_str().unwrap();
    let by_number = wrote(
        &place,
        &["board.bin", "--page", "2", "-o", "n.svg"],
        "n.svg",
    );
    for page in [id, id.strip_prefix("page:").unwrap(), "Second"] {
        let same = wrote(
            &place,
            &["board.bin", "--page", page, "-o", "p.svg"],
            "p.svg",
        );
        assert!(same == by_number, "{page}");
    }
    let shape = records
        .clone()
        .find(|record| record["parentId"] == id)
        .unwrap();
    let shape = shape["id"].as_str().unwrap();
    let one = wrote(
        &place,
        &["board.bin", "--shapes", shape, "-o", "s.svg"],
        "s.svg",
    );
    assert!(one.len() < by_number.len());
    let said = refused(&place, &["board.bin", "--page", "1", "--shapes", shape]);
    assert!(
        said.err.contains("does not exist on page 1 (\"First\")"),
        "{said:?}"
    );
    let said = refused(&place, &["board.bin", "--page", "Fifth"]);
    assert!(
        said.err.contains("pages are 1 (\"First\"), 2 (\"Second\")"),
        "{said:?}"
    );
}

#[test]
fn e3_all_pages_are_files_of_their_own_without_the_empty_ones() {
    let place = place("board.bin", PAGES);
    let said = place.run(&["export", "board.bin", "--page", "all", "--format", "svg"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let told: Vec<_> = said.out.lines().map(|line| &line[..17]).collect();
    assert_eq!(
        told,
        [
            "wrote board-1.svg",
            "wrote board-2.svg",
            "wrote board-3.svg"
        ]
    );
    assert!(
        said.err
            .contains("nothing is on page 4 (\"Empty\"), so there is no file"),
        "{said:?}"
    );
    for page in ["1", "2", "3"] {
        let one = wrote(
            &place,
            &["board.bin", "--page", page, "-o", "one.svg"],
            "one.svg",
        );
        let name = format!("board-{page}.svg");
        assert!(one == std::fs::read(place.file(&name)).unwrap(), "{page}");
    }
    let said = refused(&place, &["board.bin", "--page", "Empty"]);
    assert!(
        said.err.contains("nothing to draw on page 4 (\"Empty\")"),
        "{said:?}"
    );
}

/// How many pages a PDF has.
fn pages(pdf: &[u8]) -> usize {
    assert!(pdf.starts_with(b"%PDF-1."));
    String::from_utf8_lossy(pdf).matches("/Type/Page/").count()
}

#[test]
fn e9_a_pdf_has_all_pages_or_the_one_that_is_asked_for() {
    let place = place("p.bin", PAGES);
    let said = place.run(&["export", "p.bin", "-o", "p.pdf"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.starts_with("wrote p.pdf (3 pages, "), "{said:?}");
    let told = "nothing is on page 4 (\"Empty\"), so the file has no such page";
    assert!(said.err.contains(told), "{said:?}");
    let all = std::fs::read(place.file("p.pdf")).unwrap();
    assert_eq!(pages(&all), 3);
    let to_stdout = [
        "export", "p.bin", "--format", "pdf", "--page", "all", "-o", "-",
    ];
    let output = place.command(&to_stdout).output().unwrap();
    assert!(output.stdout == all, "the same again");
    let one = wrote(
        &place,
        &["p.bin", "-o", "second.pdf", "--page", "2"],
        "second.pdf",
    );
    assert_eq!(pages(&one), 1);
    let said = refused(&place, &["p.bin", "-o", "none.pdf", "--page", "4"]);
    assert!(
        said.err.contains("there is nothing to draw on page 4"),
        "{said:?}"
    );
    let large = ["p.bin", "--page", "2", "--scale", "99", "-o", "large.pdf"];
    let said = place.run(&[&["export"], &large[..]].concat());
    assert!(
        said.err
            .contains("of its size, because a page of a PDF has no more than 19200 px"),
        "{said:?}"
    );
}

#[test]
fn e3_of_several_boards_one_is_named() {
    let place = place("two.bin", TWO_BOARDS);
    let said = place.run(&["export", "two.bin", "-o", "largest.json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let told = said.err.split('"').nth(1).unwrap();
    assert!(
        said.err.contains("--root NAME takes one of them"),
        "{said:?}"
    );
    let other = wrote(
        &place,
        &["two.bin", "--root", told, "-o", "other.json"],
        "other.json",
    );
    assert!(other != std::fs::read(place.file("largest.json")).unwrap());
    let said = refused(&place, &["two.bin", "--root", "nowhere"]);
    assert!(said.err.contains("boards are in `"), "{said:?}");
}

#[test]
fn e4_a_room_is_drawn_as_it_is_stored_while_a_server_runs() {
    let place = place("mixed.tldr", MIXED.as_bytes());
    std::fs::write(place.file("frames.tldr"), FRAMES).unwrap();
    let server = place.serve();
    import(&place, &server, &["mixed.tldr", "team/plan b"]);
    let of_file = wrote(&place, &["mixed.tldr", "-o", "file.svg"], "file.svg");
    let of_room = ["room:team/plan b", "--format", "svg"];
    assert!(wrote(&place, &of_room, "team-plan-b.svg") == of_file);
    let before = wrote(&place, &["room:team/plan b", "-o", "a.tldr"], "a.tldr");
    import(&place, &server, &["frames.tldr", "team/plan b", "--merge"]);
    let after = wrote(&place, &["room:team/plan b", "-o", "b.tldr"], "b.tldr");
    let many = |file: &[u8]| {
        let file: Value = serde_json::from_slice(file).unwrap();
        file["records"].as_array().unwrap().len()
    };
    assert!(many(&after) > many(&before));
    assert!(wrote(&place, &of_room, "team-plan-b.svg") != of_file);
    assert!(server.stop().success());
    let pages = ["room:team/plan b", "--page", "all", "--format", "svg"];
    let one = wrote(&place, &pages, "team-plan-b-1.svg");
    assert!(one == std::fs::read(place.file("team-plan-b.svg")).unwrap());
    let said = refused(&place, &["room:elsewhere"]);
    assert!(
        said.err
            .contains("there is no room \"elsewhere\" in the database"),
        "{said:?}"
    );
    let said = refused(&place, &["room:team/plan b", "--page", "9"]);
    assert!(
        said.err
            .starts_with("scrible: room \"team/plan b\": page 9 does not exist; pages are 1"),
        "{said:?}"
    );
    let said = refused(&place, &["room:api/x"]);
    assert!(said.err.contains("api"), "{said:?}");
}

#[tokio::test]
async fn e4_a_room_is_drawn_with_the_pictures_that_were_pasted_into_it() {
    let own = image("own", "https://any.example/api/rooms/demo/assets/own.svg");
    let place = place("board.bin", &board(&own));
    let server = place.serve();
    import(&place, &server, &["board.bin", "demo"]);
    let without = ["export", "room:demo", "-o", "without.svg"];
    let said = place.run(&without);
    assert_eq!(said.code, Some(0), "{said:?}");
    let ask = Ask {
        method: "PUT",
        path: "/api/rooms/demo/assets/own.svg",
        body: b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='6'/>".to_vec(),
        ..Ask::default()
    };
    let put = ask.send(server.address, "localhost").await;
    assert_eq!(put.status, 201, "{put:?}");
    let without = std::fs::read_to_string(place.file("without.svg")).unwrap();
    assert!(!without.contains("data:image/"), "{without}");
    let drawn = wrote(&place, &["room:demo", "-o", "with.svg"], "with.svg");
    let drawn = String::from_utf8(drawn).unwrap();
    assert!(drawn.contains("data:image/"), "{drawn}");
    assert!(server.stop().success());
}

#[test]
fn e4_without_a_database_there_is_no_room_and_none_is_made() {
    let place = Place::new();
    let said = refused(&place, &["room:demo"]);
    assert!(said.err.contains("there is no database at "), "{said:?}");
    assert!(!place.database().exists());
}

#[test]
fn e5_what_is_no_board_is_refused_with_what_it_is() {
    let place = place("words.txt", b"hello");
    let empty = [0, 0];
    let elsewhere = [1, 1, 7, 0, 0x28, 1, 1, b'm', 1, b'k', 1, 120, 0];
    // Makes yrs divide by zero.
    let panics =
        b"\x01\x02\x1c\0\x01\x01\x05title\xff\xff\xff\xff\x0f\x84\x1c\0\x02\x20c\x01\x1c\x01\0\x01";
    let first = br#"{"document": {"version": 15.5, "pages": {}}}"#;
    for (name, bytes, why) in [
        (
            "cut.bin",
            &V1[..V1.len() / 2],
            "neither a Yjs update nor a board's JSON",
        ),
        ("empty.bin", &empty, "its roots are none"),
        (
            "map.bin",
            &elsewhere,
            "no whiteboard was found in this document: its roots are `m`",
        ),
        (
            "panics.bin",
            panics,
            "the document cannot be worked with: reading or drawing it panicked: ",
        ),
        ("old.json", first, "tldraw 1"),
        (
            "cut.json",
            b"{\"store\": ",
            "neither a Yjs update nor a board's JSON",
        ),
    ] {
        std::fs::write(place.file(name), bytes).unwrap();
        let said = refused(&place, &[name]);
        assert!(
            said.err.starts_with(&format!("scrible: {name}: ")),
            "{said:?}"
        );
        assert!(said.err.contains(why), "{said:?}");
    }
    for (arguments, why) in [
        (
            &["words.txt"][..],
            "neither a Yjs update nor a board's JSON",
        ),
        (&["missing.tldr"], "read the file: No such file"),
        (
            &["old.json", "--fonts", "nowhere"],
            "--fonts-dir is \"nowhere\"; allowed is a folder that is there",
        ),
    ] {
        let said = refused(&place, arguments);
        assert!(said.err.contains(why), "{said:?}");
    }
}

#[test]
fn e5_the_input_is_never_written_over() {
    let place = place("b.json", MIXED.as_bytes());
    for arguments in [
        &["b.json", "--format", "json"][..],
        &["b.json", "-o", "./b.json"],
        &["b.json", "--format", "svg", "-o", "link"],
    ] {
        let _ = std::fs::hard_link(place.file("b.json"), place.file("link"));
        let said = refused(&place, arguments);
        assert!(
            said.err.contains("would replace what is exported"),
            "{said:?}"
        );
        assert_eq!(
            std::fs::read(place.file("b.json")).unwrap(),
            MIXED.as_bytes()
        );
    }
    let said = refused(&place, &["b.json", "-o", "no/folder.svg"]);
    assert!(
        said.err.contains("write no/folder.svg: No such file"),
        "{said:?}"
    );
    let said = refused(&place, &["b.json", "--scale", "100"]);
    assert!(said.err.contains("a scale of "), "{said:?}");
}

#[test]
fn e6_warnings_are_few_and_quiet_keeps_them_back() {
    let mut file: Value = serde_json::from_str(MIXED).unwrap();
    let records = file["records"].as_array_mut().unwrap();
    records.extend((0..9).map(|at| {
        serde_json::json!({"id": format!("shape:bad{at}"), "typeName": "shape", "parentId": "page:none", "index": "a1"})
    }));
    let place = place("b.tldr", file.to_string().as_bytes());
    let said = place.run(&["export", "b.tldr", "--format", "svg"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let warnings: Vec<_> = said.err.lines().collect();
    assert!(
        warnings
            .iter()
            .all(|line| line.starts_with("scrible: warning: "))
    );
    let named = warnings.iter().filter(|line| line.contains("shape:bad"));
    assert_eq!(named.count(), 5, "{said:?}");
    assert!(said.err.contains("4 more notes about records"), "{said:?}");
    let said = place.run(&["export", "b.tldr", "--format", "svg", "--quiet"]);
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (Some(0), "", "")
    );
}

#[test]
fn e8_fonts_come_from_where_they_are_named_and_nowhere_else() {
    let place = place("b.json", SCRIPTS);
    let fonts = place.file("fonts/deeper");
    std::fs::create_dir_all(&fonts).unwrap();
    std::fs::write(fonts.join("chinese.ttf"), CHINESE).unwrap();
    std::fs::write(fonts.join("broken.ttf"), b"no font").unwrap();
    let export = |more: &[&str]| {
        let said = place.run(&[&["export", "b.json", "-o", "b.svg"], more].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        (std::fs::read(place.file("b.svg")).unwrap(), said.err)
    };
    let (plain, told) = export(&[]);
    assert!(told.contains("no font has 日"), "{told}");
    assert!(told.contains("--fonts DIR"), "{told}");
    let (with, told) = export(&["--fonts", "fonts"]);
    assert!(with != plain);
    assert!(!told.contains('日'), "{told}");
    assert!(
        told.contains("fonts/deeper/broken.ttf cannot be read as a font"),
        "{told}"
    );
    let (twice, _) = export(&["--fonts", "fonts/deeper", "--fonts", "fonts"]);
    assert!(twice == with);
    let (named, _) = export(&["--fonts", "fonts/deeper/chinese.ttf", "--system-fonts=no"]);
    assert!(named == with);
    std::fs::write(place.file("scrible.toml"), "fonts_dir = \"fonts\"").unwrap();
    let (from_settings, _) = export(&[]);
    assert!(from_settings == with);
    // Doc workers are told where they are as well.
    let server = place.serve();
    import(&place, &server, &["b.json", "demo"]);
    let said = place.run(&["export", "room:demo", "-o", "room.svg"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.err.contains("broken.ttf cannot be read as a font"),
        "{said:?}"
    );
    assert!(std::fs::read(place.file("room.svg")).unwrap() == with);
}
