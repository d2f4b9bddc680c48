use super::{escape, redact};

#[test]
fn terminal_and_bidirectional_controls_are_escaped() {
    assert_eq!(escape("a\u{1b}[31mb", 99), "a\\u{1b}[31mb");
    assert_eq!(escape("a\u{202e}b\r\n", 99), "a\\u{202e}b\\u{d}\\u{a}");
    assert_eq!(escape("größe", 99), "größe");
}

#[test]
fn long_text_is_cut_by_characters() {
    assert_eq!(escape("äöü", 2), "äö…");
    assert_eq!(escape("äöü", 3), "äöü");
}

#[test]
fn a_reflected_secret_is_redacted_in_each_encoding() {
    let secret = "p%a+s/s \"q\"";
    for shown in ["bad p%a+s/s \"q\"!", "bad p%25a%2Bs%2Fs+%22q%22!", "bad p%a+s/s \\\"q\\\"!"] {
        assert_eq!(redact(shown, &[secret]), "bad [redacted]!");
    }
}

#[test]
fn the_beginning_of_a_secret_at_a_cut_is_redacted() {
    assert_eq!(redact("you sent correct-hors…", &["correct-horse-battery"]), "you sent [redacted]");
    assert_eq!(redact("nothing here", &["correct-horse-battery", ""]), "nothing here");
}
