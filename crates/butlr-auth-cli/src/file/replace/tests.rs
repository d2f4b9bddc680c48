use std::os::unix::fs::PermissionsExt as _;

use super::replace;

#[test]
fn a_file_is_replaced_whole_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "a longer text than the new one").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let reader = std::fs::File::open(&path).unwrap();
    replace(&path, b"new", 0o600).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::io::read_to_string(reader).unwrap(), "a longer text than the new one");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file stayed");
}

#[test]
fn what_is_no_regular_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    assert!(replace(folder.path(), b"x", 0o600).unwrap_err().to_string().contains("not a regular file"));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    assert!(replace(&link, b"x", 0o600).is_err());
    assert!(link.is_symlink());
    assert!(replace(&folder.path().join("none/token"), b"x", 0o600).is_err());
}
