use super::{File, check};

fn file(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}

/// What all checks together say about one file, each finding as `line: message`.
#[track_caller]
fn refuse(path: &str, text: &str, expected: &[&str]) {
    refuse_among(&[file(path, text)], expected);
}

#[track_caller]
fn refuse_among(files: &[File], expected: &[&str]) {
    let findings: Vec<String> = check(files).iter().map(ToString::to_string).collect();
    assert_eq!(findings, expected);
}

#[test]
fn tidy_file_passes() {
    refuse("crates/a/src/grant.rs", "//! Grants.\n\nfn ask() {}\n", &[]);
}

#[test]
fn long_file_is_refused() {
    refuse("crates/a/src/b.rs", &"//\n".repeat(800), &[]);
    refuse(
        "crates/a/src/b.rs",
        &"//\n".repeat(801),
        &["crates/a/src/b.rs: 801 lines; 800 are the limit, 300 the aim"],
    );
}

#[test]
fn white_space_is_refused() {
    refuse("docs/a.md", "a \n", &["docs/a.md:1: white space at the end of the line"]);
    refuse("docs/a.md", "a\tb\n", &["docs/a.md:1: a tab"]);
    refuse("docs/a.md", "a", &["docs/a.md: wants exactly one line break at its end"]);
    refuse("docs/a.md", "a\n\n", &["docs/a.md: wants exactly one line break at its end"]);
}

#[test]
fn unfinished_code_is_refused() {
    for text in [concat!("tod", "o!()\n"), concat!("unimple", "mented!()\n")] {
        refuse("crates/a/src/b.rs", text, &["crates/a/src/b.rs:1: unfinished code"]);
    }
    for text in [concat!("// TO", "DO\n"), concat!("// FIX", "ME later\n")] {
        refuse("crates/a/src/b.rs", text, &["crates/a/src/b.rs:1: unfinished; open an issue"]);
    }
    refuse(
        "crates/a/src/b.rs",
        concat!("#[ig", "nore = \"slow\"]\n"),
        &["crates/a/src/b.rs:1: a test that does not run is no test"],
    );
}

#[test]
fn banner_is_refused() {
    refuse(
        "crates/a/src/b.rs",
        concat!("// ==", "====\n"),
        &["crates/a/src/b.rs:1: a banner; a module would say it better"],
    );
}

#[test]
fn machine_path_is_refused() {
    for text in [concat!("/ho", "me/ada/x\n"), concat!("/Us", "ers/ada\n"), concat!("/ro", "ot/.cargo\n")] {
        refuse("docs/a.md", text, &["docs/a.md:1: the path of one machine"]);
    }
    refuse("docs/a.md", "https://example.com/users/1\n", &[]);
}

#[test]
fn sleeping_test_is_refused_unless_it_says_why() {
    let sleep = concat!("sleep", "(SECOND);\n");
    let fault = "a test sleeps; `// Sleeps because …` goes above if it must";
    for path in ["crates/a/src/b/tests.rs", "crates/a/tests/it/main.rs"] {
        refuse(path, sleep, &[&format!("{path}:1: {fault}")]);
        refuse(path, &format!("// Sleeps because the kernel is asked.\n{sleep}"), &[]);
    }
    refuse("crates/a/src/b.rs", sleep, &[]);
}

#[test]
fn file_in_the_wrong_place_is_refused() {
    refuse(
        "crates/a/src/b/mod.rs",
        "",
        &["crates/a/src/b/mod.rs: the module goes into `foo.rs` beside `foo/`"],
    );
    refuse(
        "crates/a/src/utils.rs",
        "",
        &["crates/a/src/utils.rs: `utils` says nothing; name what the module is about"],
    );
    refuse("notes/a.txt", "", &["notes/a.txt: the top level has its list; is this not a part?"]);
    refuse(
        "crates/a/tests/it/snapshots/b.snap.new",
        "",
        &["crates/a/tests/it/snapshots/b.snap.new: a snapshot that nobody has accepted"],
    );
    refuse_among(
        &[file("crates/a/Cargo.toml", ""), file("crates/a/tests/more.rs", "")],
        &["crates/a/tests/more.rs: integration tests are one binary: tests/it/main.rs"],
    );
}

#[test]
fn crate_without_front_page_is_refused() {
    refuse_among(
        &[file("crates/a/Cargo.toml", ""), file("crates/a/src/lib.rs", "mod b;\n")],
        &["crates/a/Cargo.toml: the crate has no front page: `//!` opens src/lib.rs"],
    );
    refuse_among(&[file("crates/a/Cargo.toml", ""), file("crates/a/src/lib.rs", "//! A.\n")], &[]);
}

#[test]
fn dead_link_is_refused() {
    let there = || file("docs/b.md", "# Two keys & more\n");
    let here = |text| file("docs/guides/a.md", text);
    refuse_among(&[there(), here("[b](../b.md#two-keys--more) [c](https://c.example)\n")], &[]);
    refuse_among(&[there(), here("`[b](nowhere.md)` [s](crate::Session) [up](..)\n")], &[]);
    refuse_among(
        &[there(), here("\n[b](b.md)\n")],
        &["docs/guides/a.md:2: the link to `b.md` leads nowhere"],
    );
    refuse_among(
        &[there(), here("[b](../b.md#one)\n")],
        &["docs/guides/a.md:1: `docs/b.md` has no heading `#one`"],
    );
    refuse_among(
        &[there(), here("[b](../../../x.md)\n")],
        &["docs/guides/a.md:1: the link to `../../../x.md` leads nowhere"],
    );
}

#[test]
fn link_to_a_test_that_is_gone_is_refused() {
    let there = || file("crates/a/src/b/tests.rs", "#[test]\nfn all_is_well() {}\n");
    let link = |name: &str| file("README.md", &format!("[{name}](crates/a/src/b/tests.rs)\n"));
    refuse_among(&[there(), link("`all_is_well`")], &[]);
    refuse_among(&[there(), link("all_was_well")], &[]);
    refuse_among(&[there(), link("`Tests`")], &[]);
    refuse_among(
        &[file("crates/a/examples/b_c.rs", ""), file("README.md", "[`b_c`](crates/a/examples/b_c.rs)\n")],
        &[],
    );
    refuse_among(
        &[there(), link("`all_is`")],
        &["README.md:1: there is no `all_is` in `crates/a/src/b/tests.rs`"],
    );
}

#[test]
fn changelog_without_unreleased_section_is_refused() {
    refuse("CHANGELOG.md", "# Changelog\n", &["CHANGELOG.md: a changelog wants a section `## [Unreleased]`"]);
    refuse("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n", &[]);
}

#[test]
fn rfc_link_of_another_form_is_refused() {
    refuse("docs/a.md", "<https://www.rfc-editor.org/rfc/rfc6749#section-4.4.3>.\n", &[]);
    refuse("docs/a.md", "<https://www.rfc-editor.org/rfc/rfc6749#appendix-A>\n", &[]);
    for link in [
        "https://datatracker.ietf.org/doc/html/rfc6749",
        "https://www.rfc-editor.org/rfc/rfc6749.html#section-4",
        "https://tools.ietf.org/html/rfc6749#section-4",
        "http://www.rfc-editor.org/rfc/rfc6749",
    ] {
        let fault = format!(
            "docs/a.md:1: `{link}` should have the form https://www.rfc-editor.org/rfc/rfcNNNN#section-N"
        );
        refuse("docs/a.md", &format!("{link}\n"), &[&fault]);
    }
}

#[test]
fn clause_that_is_badly_formed_is_refused() {
    let link = "//= https://www.rfc-editor.org/rfc/rfc6749#section-5.1\n";
    let path = "crates/a/src/b.rs";
    refuse(
        path,
        &format!("{link}//# A clause\n//# on two lines.\n{link}//= type=test\n//# A.\nfn f() {{}}\n"),
        &[],
    );
    let other = "//= https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation\n";
    refuse(path, &format!("{other}//# A clause.\n"), &[]);
    refuse(path, &format!("{link}fn f() {{}}\n"), &["crates/a/src/b.rs:2: a clause without its text"]);
    refuse(path, "//# A clause.\n", &["crates/a/src/b.rs:1: the text of a clause without its link"]);
    refuse(path, &format!("{link}//#\n"), &["crates/a/src/b.rs:2: an empty line in a clause"]);
    let fault =
        "crates/a/src/b.rs:1: neither a link to a section of a specification nor type=test or reason=…";
    refuse(path, "//= https://www.rfc-editor.org/rfc/rfc6749\n//# A.\n", &[fault]);
    refuse(path, "//= type=test\n//# A.\n", &[fault]);
}
