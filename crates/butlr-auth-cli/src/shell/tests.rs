use super::word;

#[test]
fn only_what_a_shell_would_read_otherwise_is_quoted() {
    assert_eq!(word("/etc/app/config.toml"), "/etc/app/config.toml");
    assert_eq!(word("/sp ace/it's"), r"'/sp ace/it'\''s'");
    assert_eq!(word("$HOME"), "'$HOME'");
    assert_eq!(word(""), "''");
}
