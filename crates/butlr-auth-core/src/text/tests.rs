use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::{escape, escape_lines, is_hidden, redact};

// Security: H8.
#[test]
fn terminal_and_bidirectional_controls_are_escaped() {
    assert_eq!(escape("a\u{1b}[31mb", 99), "a\\u{1b}[31mb");
    assert_eq!(escape("a\u{202e}b\r\n", 99), "a\\u{202e}b\\u{d}\\u{a}");
    assert_eq!(escape("größe", 99), "größe");
}

// Security: H8.
#[test]
fn what_is_not_seen_is_escaped_in_every_plane() {
    for hidden in [
        '\0',
        '\u{7f}',
        '\u{80}',
        '\u{9b}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{1160}',
        '\u{180e}',
        '\u{200b}',
        '\u{200f}',
        '\u{2028}',
        '\u{202a}',
        '\u{2066}',
        '\u{206f}',
        '\u{2800}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{e0100}',
    ] {
        assert!(is_hidden(hidden), "{}", hidden.escape_unicode());
    }
    for seen in ['a', ' ', 'é', '漢', '✓', '█', '\u{a0}', '🔑', 'ﷺ'] {
        assert!(!is_hidden(seen), "{seen}");
    }
    assert_eq!(escape_lines("a\u{9b}2J\nb\u{202e}\r\n"), "a\\u{9b}2J\nb\\u{202e}\\u{d}\n");
}

#[test]
fn long_text_is_cut_by_characters() {
    assert_eq!(escape("äöü", 2), "äö…");
    assert_eq!(escape("äöü", 3), "äöü");
}

// Security: C10, H1.
#[test]
fn a_reflected_secret_is_redacted_in_each_encoding() {
    let secret = "p%a+s/s \"q\"";
    for shown in [
        "bad p%a+s/s \"q\"!",
        "bad p%25a%2Bs%2Fs+%22q%22!",
        "bad p%25a%2bs%2fs%20%22q%22!",
        "bad p%a+s/s \\\"q\\\"!",
        "bad p%a+s/s &quot;q&quot;!",
        "bad 7025612b732f7320227122!",
        "bad 7025612B732F7320227122!",
    ] {
        assert_eq!(redact(shown, &[secret]), "bad [redacted]!");
    }
}

// Security: C10.
#[test]
fn base64_is_redacted_wherever_the_secret_stands_in_it() {
    let secret = "correct?horse>battery~staple";
    for before in ["", "a", "id", "cli:", "{\"s\":\""] {
        for after in ["", "!", "\"}", " and more"] {
            for alphabet in [STANDARD, URL_SAFE] {
                let clean = redact(&alphabet.encode(format!("{before}{secret}{after}")), &[secret]);
                let (start, end) = clean.split_once("[redacted]").unwrap();
                let most = |part: &str| part.len() * 3 / 4;
                assert!(most(start) <= before.len() && most(end) <= after.len() + 2, "{clean}");
            }
        }
    }
    assert_eq!(redact("YWJj is a word", &["a"]), "YWJj is [redacted] word");
}

// Security: C10.
#[test]
fn the_beginning_of_a_secret_at_a_cut_is_redacted() {
    assert_eq!(redact("you sent correct-hors…", &["correct-horse-battery"]), "you sent [redacted]");
    assert_eq!(redact("nothing here", &["correct-horse-battery", ""]), "nothing here");
}

#[test]
fn a_whole_text_that_ends_like_a_secret_begins_is_left_alone() {
    assert_eq!(redact("the password is wrong", &["wrong-horse"]), "the password is wrong");
}
