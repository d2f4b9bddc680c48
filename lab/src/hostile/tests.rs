use super::*;

#[test]
fn what_is_secret_is_found_in_what_is_shown() {
    assert_eq!(leaked("a canary sings"), Some("canary"));
    let header = "Authorization: Basic Y2xpOmNhbmFyeS1jbGllbnQlMjVzZWNyZXQ=";
    assert!(leaked(header).is_some());
    assert_eq!(leaked("the token request to [host]: status 400"), None);
}

#[test]
fn a_wrong_verdict_is_found() {
    let case = Case::all().into_iter().find(|case| case.name() == "access-token/crlf").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let logs = Logs::default();
    let right = runtime.block_on(play(case.clone(), Surface::Token, &logs)).unwrap();
    assert!(right.wrong.is_empty(), "{:?}", right.wrong);
    // To a revocation every status 200 is a success, so there the same answer is taken otherwise.
    let other = runtime.block_on(play(case, Surface::Revocation, &logs)).unwrap();
    assert_eq!(other.wrong, ["InvalidResponse is expected"]);
}

// Security: B10.
#[test]
fn all_groups_have_their_cases() {
    let cases = Case::all();
    assert!(cases.len() >= 170, "{}", cases.len());
    for surface in Surface::ALL {
        assert!(cases.iter().any(|case| case.surfaces().any(|found| found == surface)), "{surface}");
    }
}
