//! Fonts beyond the bundled ones: which files of a folder or of this machine are taken, and in which order.
//!
//! Knows folders and font files; what a face is used for is the exporter's. The rule: the same files give the same fonts in the
//! same order, so that a picture does not depend on how a disk lists its folders.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fontdb::{Database, FaceInfo, Source, Style};
use scrible_exporter::text::{ExtraFace, FontError, Fonts, MAX_EXTRA_FACES, MAX_FACE_BYTES};
use walkdir::WalkDir;

/// Files of one folder that are looked at.
const MAX_FILES: usize = 10_000;

/// The weights that boards ask for.
const WEIGHTS: [u16; 2] = [400, 700];

/// Where to look for fonts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FontsConfig {
    /// Folders, or single files, in order.
    pub folders: Vec<PathBuf>,
    /// After these, the machine's.
    pub system: SystemFonts,
}

/// Whether pictures may depend on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SystemFonts {
    /// They do not.
    #[default]
    Left,
    /// Its fonts are taken for what others lack.
    Taken,
}

/// Fonts, and what could not be had.
pub struct Loaded {
    /// Bundled and found.
    pub fonts: Fonts,
    /// A sentence for each.
    pub warnings: Vec<String>,
}

/// The bundled fonts and those that are found, of which no more than `max_bytes` are read.
pub fn load(config: &FontsConfig, max_bytes: usize) -> Loaded {
    let mut finder = Finder::default();
    for folder in &config.folders {
        finder.folder(folder);
    }
    if config.system == SystemFonts::Taken {
        finder.system();
    }
    let (mut named, mut faces) = finder.read(max_bytes);
    loop {
        match Fonts::with(faces.clone()) {
            Ok(fonts) => {
                let warnings = finder.warnings;
                return Loaded { fonts, warnings };
            }
            Err(FontError::Unreadable { number, .. } | FontError::TooLarge { number, .. }) => {
                let path = named.remove(number);
                faces.remove(number);
                finder.warnings.push(unreadable(&path));
            }
            Err(FontError::TooMany(_)) => {
                named.truncate(MAX_EXTRA_FACES);
                faces.truncate(MAX_EXTRA_FACES);
            }
        }
    }
}

/// What was found, in order.
#[derive(Default)]
struct Finder {
    database: Database,
    found: Vec<Found>,
    seen: HashSet<(PathBuf, u32)>,
    warnings: Vec<String>,
}

/// One face.
struct Found {
    path: PathBuf,
    index: u32,
    family: String,
    slanted: bool,
    weight: u16,
    /// Steps away from the normal width.
    narrowness: u16,
}

impl Finder {
    fn folder(&mut self, folder: &Path) {
        let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
        let mut looked = 0;
        for entry in walk {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.warnings.push(format!("a font folder: {error}"));
                    continue;
                }
            };
            let is_named = entry.depth() == 0;
            if !entry.file_type().is_file() || !(is_named || is_font(entry.path())) {
                continue;
            }
            looked += 1;
            if looked > MAX_FILES {
                self.warnings.push(format!(
                    "{} holds more than {MAX_FILES} fonts; the rest is not looked at",
                    folder.display()
                ));
                return;
            }
            let path = entry.path();
            let source = Source::File(path.to_owned());
            let ids = self.database.load_font_source(source);
            if ids.is_empty() {
                self.warnings.push(unreadable(path));
            }
            let faces = ids.iter().filter_map(|id| self.database.face(*id));
            let faces: Vec<_> = faces.filter_map(Found::of).collect();
            self.take(faces);
        }
    }

    fn system(&mut self) {
        let mut database = Database::new();
        database.load_system_fonts();
        let mut faces: Vec<_> = database.faces().filter_map(Found::of).collect();
        faces.sort_by(|one, other| (&one.path, one.index).cmp(&(&other.path, other.index)));
        self.take(faces);
    }

    fn take(&mut self, faces: Vec<Found>) {
        for face in faces {
            let whole = std::fs::canonicalize(&face.path).unwrap_or_else(|_| face.path.clone());
            if self.seen.insert((whole, face.index)) {
                self.found.push(face);
            }
        }
    }

    /// The faces that boards can ask for, with their files.
    fn read(&mut self, max_bytes: usize) -> (Vec<PathBuf>, Vec<ExtraFace>) {
        let mut left = max_bytes;
        let mut files: HashMap<PathBuf, Option<Arc<[u8]>>> = HashMap::new();
        let (mut named, mut faces) = (Vec::new(), Vec::new());
        let mut passed_over = 0;
        for face in wanted(&self.found) {
            if faces.len() == MAX_EXTRA_FACES {
                passed_over += 1;
                continue;
            }
            let file = files.entry(face.path.clone()).or_insert_with(|| {
                let size = std::fs::metadata(&face.path).map_or(0, |file| file.len() as usize);
                if size > left {
                    return None;
                }
                left -= size;
                match std::fs::read(&face.path) {
                    Ok(bytes) if bytes.len() <= MAX_FACE_BYTES => Some(bytes.into()),
                    _ => {
                        self.warnings.push(unreadable(&face.path));
                        Some(Arc::default())
                    }
                }
            });
            match file {
                Some(bytes) if bytes.is_empty() => {}
                Some(bytes) => {
                    named.push(face.path.clone());
                    faces.push(ExtraFace {
                        bytes: bytes.clone(),
                        index: face.index,
                    });
                }
                None => passed_over += 1,
            }
        }
        if passed_over > 0 {
            self.warnings.push(format!(
                "{passed_over} fonts are not used: no more than {MAX_EXTRA_FACES} are, of {} MB in all; name a folder with fewer",
                max_bytes / 1_000_000
            ));
        }
        (named, faces)
    }
}

impl Found {
    fn of(face: &FaceInfo) -> Option<Self> {
        let Source::File(path) = &face.source else {
            return None;
        };
        Some(Self {
            path: path.clone(),
            index: face.index,
            family: face.families.first()?.0.to_lowercase(),
            slanted: face.style != Style::Normal,
            weight: face.weight.0,
            narrowness: face.stretch.to_number().abs_diff(5),
        })
    }
}

/// Of each family, upright and slanted, the faces nearest to the weights that boards ask for: a light one that happens to be
/// listed first would otherwise stand in for the normal one.
fn wanted(found: &[Found]) -> Vec<&Found> {
    let miss = |face: &Found, weight: u16| (face.narrowness, face.weight.abs_diff(weight));
    let mut least: HashMap<(&str, bool, u16), (u16, u16)> = HashMap::new();
    for face in found {
        for weight in WEIGHTS {
            let key = (face.family.as_str(), face.slanted, weight);
            let best = least.entry(key).or_insert((u16::MAX, u16::MAX));
            *best = (*best).min(miss(face, weight));
        }
    }
    let is_wanted = |face: &&Found| {
        WEIGHTS.iter().any(|weight| {
            least[&(face.family.as_str(), face.slanted, *weight)] == miss(face, *weight)
        })
    };
    found.iter().filter(is_wanted).collect()
}

fn is_font(path: &Path) -> bool {
    let extension = path.extension().and_then(|it| it.to_str());
    extension.is_some_and(|it| {
        ["ttf", "otf", "ttc", "otc"]
            .iter()
            .any(|known| it.eq_ignore_ascii_case(known))
    })
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read as a font", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATIN: &[u8] = include_bytes!("../exporter/fonts/Arimo-Regular.ttf");
    const OTHER: &[u8] = include_bytes!("../exporter/tests/data/fonts/dejavu-subset.ttf");

    const ALL: usize = 256 << 20;

    fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, FontsConfig) {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let config = FontsConfig {
            folders: vec![folder.path().to_owned()],
            system: SystemFonts::Left,
        };
        (folder, config)
    }

    #[test]
    fn fonts_of_a_folder_are_found_at_any_depth_and_the_rest_is_left() {
        let (_folder, config) = folder(&[
            ("deep/er/other.TTF", OTHER),
            ("broken.ttf", b"no font"),
            ("readme.txt", b"words"),
        ]);
        let loaded = load(&config, ALL);
        assert!(loaded.fonts.family("dejavu sans").is_some());
        let [warning] = &loaded.warnings[..] else {
            panic!("{:?}", loaded.warnings);
        };
        assert!(warning.ends_with("broken.ttf cannot be read as a font"));
    }

    #[test]
    fn a_font_that_is_found_twice_is_read_once_and_one_file_may_be_named() {
        let (folder, mut config) = folder(&[("a.ttf", OTHER), ("b.ttf", LATIN)]);
        config.folders.push(folder.path().join("a.ttf"));
        // As many bytes as both have.
        let loaded = load(&config, OTHER.len() + LATIN.len());
        assert_eq!(loaded.warnings, [""; 0]);
        let short = load(&config, OTHER.len() + LATIN.len() - 1);
        assert!(short.warnings[0].starts_with("1 fonts are not used"));
        assert!(short.fonts.family("dejavu sans").is_some());
    }

    #[test]
    fn of_a_family_the_faces_nearest_to_normal_and_bold_are_taken() {
        let face = |path: &str, weight, narrowness| Found {
            path: path.into(),
            index: 0,
            family: "f".to_owned(),
            slanted: false,
            weight,
            narrowness,
        };
        let found = [
            face("black", 900, 0),
            face("bold", 700, 0),
            face("light", 300, 0),
            face("narrow", 400, 2),
            face("medium", 500, 0),
            face("regular", 400, 0),
            face("regular, more characters", 400, 0),
        ];
        let taken = wanted(&found);
        let taken: Vec<_> = taken.iter().map(|face| face.path.to_str()).collect();
        let names = ["bold", "regular", "regular, more characters"];
        assert_eq!(taken, names.map(Some));
    }
}
