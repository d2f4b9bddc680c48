use std::collections::BTreeSet;

use super::*;

#[test]
fn every_file_is_a_case() {
    let files: BTreeSet<_> = FILES.dirs().flat_map(Dir::files).map(File::path).collect();
    let unread: Vec<_> =
        FILES.dirs().flat_map(Dir::files).filter(|file| Case::read(file).is_none()).map(File::path).collect();
    assert!(unread.is_empty(), "{unread:?}");
    assert_eq!(FILES.files().count(), 0, "a case stands in the folder of its group");
    assert!(files.iter().all(|path| path.extension().is_some_and(|extension| extension == "http")));
}

#[test]
fn every_case_says_why_and_answers_something() {
    for case in Case::all() {
        assert!(case.reason().ends_with('.'), "{}", case.name());
        assert!(case.surfaces().next().is_some(), "{}", case.name());
        let applies: Vec<_> = case.surfaces().collect();
        assert!(case.said.except.keys().all(|surface| applies.contains(surface)), "{}", case.name());
    }
}
