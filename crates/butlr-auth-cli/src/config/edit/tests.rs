use toml_edit::DocumentMut;

use super::{Edited, is_plain};

const TEXT: &str = "# mine\nversion = 1\ndefault_profile = \"me\"   # at home\n\n# a person\n[profile.me]\npreset = \"butlr\" # of course\n\n[profile.robot]\npreset = \"butlr\"\nclient_id = \"id\"\n";

fn edited(folder: &tempfile::TempDir) -> Edited {
    let path = folder.path().join("config.toml");
    std::fs::write(&path, TEXT).unwrap();
    Edited { path, before: Some(TEXT.to_owned()), document: TEXT.parse::<DocumentMut>().unwrap() }
}

#[test]
fn what_a_person_wrote_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = edited(&folder);
    let mut profile = toml_edit::Table::new();
    profile.insert("preset", toml_edit::value("butlr"));
    config.add_profile("new", profile).unwrap();
    config.set_default_profile("new");
    config.save().unwrap();
    let saved = std::fs::read_to_string(config.path()).unwrap();
    let expected = TEXT.replace("default_profile = \"me\"", "default_profile = \"new\"");
    assert_eq!(saved, format!("{expected}\n[profile.new]\npreset = \"butlr\"\n"));
    assert_eq!(
        config.profile_text("me").unwrap(),
        "# a person\n[profile.me]\npreset = \"butlr\" # of course"
    );
}

#[test]
fn a_default_that_is_removed_is_no_default() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = edited(&folder);
    assert!(config.remove_profile("me"));
    assert!(!config.remove_profile("me"));
    assert_eq!(config.default_profile(), None);
    assert_eq!(config.config().unwrap().profiles.keys().collect::<Vec<_>>(), ["robot"]);
}

#[test]
fn a_change_of_somebody_elses_is_not_undone() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = edited(&folder);
    std::fs::write(config.path(), "# theirs\n").unwrap();
    config.set_default_profile("robot");
    assert_eq!(config.save().unwrap_err().exit as u8, 6);
    assert_eq!(std::fs::read_to_string(config.path()).unwrap(), "# theirs\n");
}

#[test]
fn a_name_is_plain_everywhere() {
    for name in ["me", "a.b-c_9", "9"] {
        assert!(is_plain(name), "{name}");
    }
    for name in ["", "-p", ".hidden", "a/b", "a b", "ä", "a\nb", &"x".repeat(65)] {
        assert!(!is_plain(name), "{name}");
    }
}
