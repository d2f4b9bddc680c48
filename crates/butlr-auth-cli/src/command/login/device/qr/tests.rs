use super::{drawn, speaks_unicode};
use crate::environment::Environment;

#[test]
fn the_picture_has_a_border_and_three_corners() {
    let picture = drawn("https://example.com/device?user_code=WDJB-MJHT").unwrap();
    insta::assert_snapshot!(picture);
}

#[test]
fn blocks_are_drawn_where_the_locale_has_them() {
    assert!(speaks_unicode(&Environment::of([("LANG", "de_DE.UTF-8")])));
    assert!(speaks_unicode(&Environment::of([("LC_ALL", "C.utf8"), ("LANG", "C")])));
    assert!(!speaks_unicode(&Environment::of([("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")])));
    assert!(!speaks_unicode(&Environment::of([])));
}
