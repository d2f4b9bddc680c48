//! Lines that must not be there.

use std::sync::LazyLock;

use regex::Regex;

use super::{File, Finding};

const ASK_AT: usize = 500;
const REFUSE_AT: usize = 800;

/// A regular expression that forbids, and what to do instead.
struct Forbidden {
    pattern: Regex,
    message: &'static str,
}

// Where a pattern would match its own line, a character stands in a class.
static IN_RUST: LazyLock<Vec<Forbidden>> = LazyLock::new(|| {
    forbid(&[
        (r"\b(todo|unimplemented)!", "unfinished code"),
        (r"#\[[i]gnore\b", "a test that does not run is no test"),
        (r"^\s*//\s*[-=*#]{4,}", "a banner; a module would say it better"),
    ])
});

static IN_ALL: LazyLock<Vec<Forbidden>> = LazyLock::new(|| {
    forbid(&[
        (r"\b(TOD[O]|FIXM[E]|XX[X])\b", "unfinished; open an issue"),
        (r"/(home|Users)/\w|/roo[t]/|\b[A-Z]:\\Users\\", "the path of one machine"),
    ])
});

#[expect(clippy::expect_used, reason = "the patterns are constants of this file, compiled by its tests")]
fn forbid(list: &[(&str, &'static str)]) -> Vec<Forbidden> {
    let compile = |pattern| Regex::new(pattern).expect("a valid pattern");
    list.iter().map(|(pattern, message)| Forbidden { pattern: compile(pattern), message }).collect()
}

pub(super) fn check(file: &File) -> Vec<Finding> {
    if file.is_data() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    findings.extend(length(file));
    findings.extend(whitespace(file));
    findings.extend(forbidden(file));
    findings.extend(sleeping_tests(file));
    findings
}

/// Long enough to ask whether it is one thing.
pub(super) fn is_long(file: &File) -> bool {
    file.is_rust() && (ASK_AT..=REFUSE_AT).contains(&file.text.lines().count())
}

fn length(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    (file.is_rust() && lines > REFUSE_AT)
        .then(|| file.finding(None, format!("{lines} lines; {REFUSE_AT} are the limit, 300 the aim")))
}

fn whitespace(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.numbered() {
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(file.finding(number, "white space at the end of the line"));
        }
        if line.contains('\t') {
            findings.push(file.finding(number, "a tab"));
        }
    }
    if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        findings.push(file.finding(None, "wants exactly one line break at its end"));
    }
    findings
}

fn forbidden(file: &File) -> Vec<Finding> {
    let rust = IN_RUST.iter().filter(|_| file.is_rust());
    let patterns: Vec<&Forbidden> = IN_ALL.iter().chain(rust).collect();
    let mut findings = Vec::new();
    for (number, line) in file.numbered() {
        for forbidden in patterns.iter().filter(|forbidden| forbidden.pattern.is_match(line)) {
            findings.push(file.finding(number, forbidden.message));
        }
    }
    findings
}

/// A test that sleeps to be right is wrong on a slow machine; the few that must wait say why.
fn sleeping_tests(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut above = "";
    for (number, line) in file.numbered().filter(|_| file.is_test()) {
        let sleeps = line.contains(concat!("sleep", "(")) && !line.trim_start().starts_with("//");
        if sleeps && !above.trim_start().starts_with("// Sleeps because ") {
            findings.push(file.finding(number, "a test sleeps; `// Sleeps because …` goes above if it must"));
        }
        above = line;
    }
    findings
}
