use serde_json::{Value, json};

use super::{line, pretty};

// Security: H8.
#[test]
fn a_document_reads_back_as_itself_and_holds_nothing_hidden() {
    let text = "a\u{1b}[2J\u{7f}\u{9b}31m\u{202e}\u{200b}\u{e0041}\r\n\"\\é漢";
    let document = json!({ text: [text, 1, null], "more": { "x": text } });
    for written in [line(&document), pretty(&document).unwrap()] {
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), document);
        let hidden = |character: char| character != '\n' && butlr_auth::core::text::is_hidden(character);
        assert!(!written.contains(hidden), "{}", written.escape_debug());
        assert!(written.contains("\\udb40\\udc41") && written.contains("é漢"), "{}", &*written);
    }
    assert_eq!(line(&document).matches('\n').count(), 1);
}
