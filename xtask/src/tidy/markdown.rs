//! Links between documents, and the sections that a changelog has.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{File, Finding};

pub(super) fn check(file: &File, files: &[File]) -> Vec<Finding> {
    if !file.is_markdown() {
        return Vec::new();
    }
    let mut findings = links(file, files);
    if file.path.ends_with("CHANGELOG.md") && !file.text.lines().any(|line| line == "## [Unreleased]") {
        findings.push(file.finding(None, "a changelog wants a section `## [Unreleased]`"));
    }
    findings
}

/// Every relative link must lead to a file or folder of the repository, its anchor to a heading, and a
/// function's name to a Rust file that has it.
fn links(file: &File, files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut events = Parser::new_ext(&file.text, Options::all()).into_offset_iter().peekable();
    while let Some((event, range)) = events.next() {
        let (Event::Start(Tag::Link { dest_url, .. }) | Event::Start(Tag::Image { dest_url, .. })) = event
        else {
            continue;
        };
        // Other schemes are not ours to check; `::` is a path in Rust, checked by rustdoc.
        if dest_url.contains(':') {
            continue;
        }
        let line = 1 + file.text.bytes().take(range.start).filter(|byte| *byte == b'\n').count();
        let (path, anchor) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
        let target = resolve(&file.path, path);
        let folder = format!("{target}/");
        let found = files.iter().find(|file| file.path == target);
        let is_folder = || files.iter().any(|file| file.path.starts_with(&folder));
        if target.is_empty() || found.is_none() && !is_folder() {
            findings.push(file.finding(line, format!("the link to `{dest_url}` leads nowhere")));
            continue;
        }
        if let (Some(found), Some((Event::Code(name), _))) = (found, events.peek())
            && is_function_name(name)
            && target.ends_with(".rs")
            && !target.ends_with(&format!("/{name}.rs"))
            && !words(&found.text).any(|word| word == &**name)
        {
            findings.push(file.finding(line, format!("there is no `{name}` in `{target}`")));
        }
        let has_anchor = |found: &File| !found.is_markdown() || anchors(&found.text).contains(anchor);
        if !anchor.is_empty() && !found.is_none_or(has_anchor) {
            findings.push(file.finding(line, format!("`{target}` has no heading `#{anchor}`")));
        }
    }
    findings
}

/// The words of a program. A test may be made by a macro, so that no `fn` stands before its name.
fn words(program: &str) -> impl Iterator<Item = &str> {
    program.split(|character: char| !character.is_alphanumeric() && character != '_')
}

fn is_function_name(text: &str) -> bool {
    text.contains('_') && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Where `link` leads when it stands in the file at `from`; empty when that is outside the repository.
fn resolve(from: &str, link: &str) -> String {
    if link.is_empty() {
        return from.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for component in Path::new(link).components() {
        match component {
            Component::Normal(part) => parts.extend(part.to_str()),
            Component::ParentDir if parts.pop().is_none() => return String::new(),
            Component::ParentDir | Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return String::new(),
        }
    }
    parts.join("/")
}

/// The anchors that GitHub gives to headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::all()) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take().map(|heading| slug(&heading))),
            _ => {}
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}
