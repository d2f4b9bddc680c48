use super::{lines, word};

#[test]
fn only_what_a_shell_would_read_otherwise_is_quoted() {
    assert_eq!(word("/etc/app/config.toml"), "/etc/app/config.toml");
    assert_eq!(word("/sp ace/it's"), r"'/sp ace/it'\''s'");
    assert_eq!(word("$HOME"), "'$HOME'");
    assert_eq!(word(""), "''");
}

#[test]
fn a_value_that_a_shell_reads_otherwise_is_printed_for_a_shell_alone() {
    let plain = lines([("A", "aZ0._~+/=:@%-")], false).unwrap();
    assert_eq!(*plain, "A=aZ0._~+/=:@%-\n");
    for odd in
        ["a b", "a\nB=c", "$(id)", "`id`", "it's", "\"", "a;b", "a#b", "a&b", "\\", "*", "é", "\u{202e}"]
    {
        assert_eq!(lines([("A", odd)], false).unwrap_err().exit as u8, 2, "{odd}");
    }
    assert_eq!(*lines([("A", "it's $x")], true).unwrap(), "export A='it'\\''s $x'\n");
}
