//! Clauses of RFCs above the code they decide, and the form of links to RFCs.

use std::sync::LazyLock;

use regex::Regex;

use super::{File, Finding};

#[expect(clippy::expect_used, reason = "constants of this file, compiled by its tests")]
static RFC_LINK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)https?://[^\s<>()\[\]"'`]*rfc[-/]?\d[^\s<>()\[\]"'`]*"#).expect("a valid pattern")
});

#[expect(clippy::expect_used, reason = "constants of this file, compiled by its tests")]
static ONE_FORM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^https://www\.rfc-editor\.org/rfc/rfc\d+(#(section|appendix)-[0-9A-Z]+(\.\d+)*)?$")
        .expect("a valid pattern")
});

/// Other specifications whose clauses may stand above code: OpenID, and drafts that are no RFC yet.
#[expect(clippy::expect_used, reason = "constants of this file, compiled by its tests")]
static OTHER_SPECIFICATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^https://(openid\.net/specs/[\w.-]+\.html|datatracker\.ietf\.org/doc/html/draft-[\w-]+)#\S+$",
    )
    .expect("a valid pattern")
});

pub(super) fn check(file: &File) -> Vec<Finding> {
    // The tests of this check hold what it refuses.
    if file.is_data() || file.path == "xtask/src/tidy/tests.rs" {
        return Vec::new();
    }
    let mut findings = links(file);
    if file.is_rust() {
        findings.extend(clauses(file));
    }
    findings
}

/// One host and one form, so that a reader may search for a section.
fn links(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.numbered() {
        for link in RFC_LINK.find_iter(line).map(|link| link.as_str().trim_end_matches(['.', ',', ';', ':']))
        {
            if !ONE_FORM.is_match(link) && !link.contains("NNNN") {
                let form = "https://www.rfc-editor.org/rfc/rfcNNNN#section-N";
                findings.push(file.finding(number, format!("`{link}` should have the form {form}")));
            }
        }
    }
    findings
}

/// Where a line stands in the annotation above a branch.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Outside,
    /// After the link or an attribute of it; the text is still to come.
    Head,
    Text,
}

/// `//= link`, then attributes such as `//= type=test`, then the text, `//# …`.
fn clauses(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut place = Place::Outside;
    for (number, line) in file.numbered() {
        let line = line.trim_start();
        let (next, fault) = if let Some(head) = line.strip_prefix("//=") {
            let head = head.trim();
            match place {
                _ if is_section(head) => {
                    (Place::Head, (place == Place::Head).then_some("a clause without its text"))
                }
                Place::Head if is_attribute(head) => (Place::Head, None),
                _ => (
                    Place::Head,
                    Some("neither a link to a section of a specification nor type=test or reason=…"),
                ),
            }
        } else if let Some(text) = line.strip_prefix("//#") {
            let fault = match place {
                Place::Outside => Some("the text of a clause without its link"),
                _ if text.trim().is_empty() => Some("an empty line in a clause"),
                _ => None,
            };
            (Place::Text, fault)
        } else {
            (Place::Outside, (place == Place::Head).then_some("a clause without its text"))
        };
        findings.extend(fault.map(|fault| file.finding(number, fault)));
        place = next;
    }
    findings
}

fn is_section(link: &str) -> bool {
    ONE_FORM.is_match(link) && link.contains('#') || OTHER_SPECIFICATION.is_match(link)
}

fn is_attribute(head: &str) -> bool {
    head == "type=test"
        || head == "type=exception"
        || head.strip_prefix("reason=").is_some_and(|reason| !reason.is_empty())
}
