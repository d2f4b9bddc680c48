use super::{Bar, Tests, faults, page, shown_in};

const BAR: &str = "
[[section]]
title = 'Request'
rows = [
  { id = 'A1', cite = 'RFC 7636 §4.1', asks = 'verifiers differ' },
  { id = 'A2', cite = '', asks = 'the vector is exact' },
  { id = 'F1', cite = '', asks = 'proofs', absent = 'not offered' },
]
";

fn bar() -> Bar {
    toml::from_str(BAR).unwrap()
}

fn tests(source: &str) -> Tests {
    let mut tests = Tests::new();
    for (row, shown) in shown_in("crates/a/tests/it/b.rs", source) {
        tests.entry(row).or_default().push(shown);
    }
    tests
}

#[test]
fn a_test_names_its_rows_in_its_name_or_above() {
    let found = tests(
        "#[test]\nfn a1_verifiers_differ() {}\n\n// Security: A1, A2.\n#[tokio::test]\nasync fn another() {}\n\n\
         fn a2_is_no_test() {}\n#[test]\nfn c10_a2_two() {}\n",
    );
    let names = |row: &str| found[row].iter().map(|shown| shown.test.as_str()).collect::<Vec<_>>();
    assert_eq!(names("A1"), ["a1_verifiers_differ", "another"]);
    assert_eq!(names("A2"), ["another", "c10_a2_two"]);
    assert_eq!(names("C10"), ["c10_a2_two"]);
}

#[test]
fn rows_and_tests_must_fit() {
    let all = "#[test]\nfn a1_a2_both() {}\n";
    assert_eq!(faults(&bar(), &tests(all)), [""; 0]);
    assert_eq!(faults(&bar(), &tests("#[test]\nfn a1_x() {}\n")), ["no test shows A2: the vector is exact"]);
    let stray = format!("{all}// Security: Z9.\n#[test]\nfn stray() {{}}\n");
    assert_eq!(faults(&bar(), &tests(&stray)), ["there is no row Z9, which stray names"]);
    let absent = format!("{all}#[test]\nfn f1_proof() {{}}\n");
    assert_eq!(faults(&bar(), &tests(&absent)), ["F1 is said not to apply, and has a test"]);
}

#[test]
fn the_page_links_each_row_to_its_tests() {
    let page = page::write(&bar(), &tests("#[test]\nfn a1_x() {}\n"));
    assert!(
        page.contains("| A1 | verifiers differ (RFC 7636 §4.1) | [`a1_x`](../crates/a/tests/it/b.rs) |\n")
    );
    assert!(page.contains("| A2 | the vector is exact | not shown yet |\n"));
    assert!(page.contains("| F1 | proofs | does not apply: not offered |\n"));
    assert!(page.ends_with("3 rows: 1 shown by 1 tests, 1 that do not apply.\n"));
}
