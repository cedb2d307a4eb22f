//! A folder on a disk that is full: a small file system of its own, which only this process sees.
//!
//! Mounting one takes a user namespace (`unshare`). Where there are none, the case is listed as ignored. The rule: the disk is really full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use scrible_objects::{
    Body, ContentType, Disposition, FolderConfig, FolderObjects, Key, NewObject, ObjectError,
    Objects,
};

/// Names the mounted folder to the process that is to fill it.
const FOLDER: &str = "SCRIBLE_TEST_FULL_DISK";
const MIB: usize = 1024 * 1024;
/// Mounts a file system with room for four MiB on the first argument, and goes on as the second.
const MOUNT: &str = "mount -t tmpfs -o size=4m none \"$1\" && exec \"$2\"";

fn main() -> ExitCode {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
        runtime.block_on(a_full_disk_loses_nothing_and_keeps_no_rest(&PathBuf::from(
            folder,
        )));
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let may_mount = run_mounted(Path::new("true")).is_ok();
    if !may_mount && !arguments.list {
        eprintln!("\nA FULL DISK IS NOT TESTED: this machine lets nobody mount one for himself\n");
    }
    let case = || run_mounted(&std::env::current_exe()?);
    let name = "a_full_disk_loses_nothing_and_keeps_no_rest";
    let trial = Trial::test(name, case).with_ignored_flag(!may_mount);
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}

/// Runs a program that sees a small file system in a folder.
fn run_mounted(program: &Path) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]);
    command.arg(folder.path()).arg(program);
    command.env(FOLDER, folder.path()).stdin(Stdio::null());
    let output = command.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

async fn a_full_disk_loses_nothing_and_keeps_no_rest(folder: &Path) {
    let objects = FolderObjects::open(FolderConfig {
        folder: folder.to_owned(),
        link_base: "http://127.0.0.1:1234".to_owned(),
        link_secret: Some(vec![1; 32].into()),
    });
    let objects = objects.await.unwrap();
    objects.put(&key("a"), object(b'a', MIB)).await.unwrap();
    let large = tempfile::NamedTempFile::new_in(std::env::temp_dir()).unwrap();
    large.as_file().set_len(8 * MIB as u64).unwrap();
    for name in ["a", "b/c"] {
        let from_file = NewObject {
            body: Body::File(large.path().to_owned()),
            ..object(b'x', 0)
        };
        for new in [object(b'x', 8 * MIB), from_file] {
            let error = objects.put(&key(name), new).await.unwrap_err();
            assert!(matches!(error, ObjectError::Unavailable(_)), "{error:?}");
            assert!(error.to_string().contains("no room left"), "{error}");
            let rest = fs::read_dir(folder.join(".unfinished")).unwrap().count();
            assert_eq!(rest, 0);
        }
    }
    assert!(!folder.join("b").exists());
    let kept = objects.get(&key("a"), None).await.unwrap();
    assert_eq!(kept.read(MIB as u64).await.unwrap(), vec![b'a'; MIB]);
    // Nothing of what failed takes room.
    objects
        .put(&key("b/c"), object(b'b', 2 * MIB))
        .await
        .unwrap();
    objects.delete(&key("b/c")).await.unwrap();
    objects.put(&key("d"), object(b'd', 2 * MIB)).await.unwrap();
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn object(byte: u8, size: usize) -> NewObject {
    NewObject {
        body: Body::Bytes(vec![byte; size].into()),
        content_type: ContentType::try_from("text/plain").unwrap(),
        disposition: Disposition::inline("a.txt"),
    }
}
