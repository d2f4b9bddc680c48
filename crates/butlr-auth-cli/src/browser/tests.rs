use super::is_likely;
use crate::environment::Environment;

#[test]
fn a_browser_is_likely_where_the_person_sees_it() {
    assert!(is_likely(&Environment::of([("DISPLAY", ":0")])));
    assert!(is_likely(&Environment::of([("WAYLAND_DISPLAY", "wayland-0")])));
    assert!(is_likely(&Environment::of([("WSL_DISTRO_NAME", "Debian")])));
    assert!(is_likely(&Environment::of([("SSH_CONNECTION", "a b"), ("BROWSER", "/opt/editor/browser.sh")])));
    assert!(!is_likely(&Environment::of([("SSH_CONNECTION", "a b"), ("DISPLAY", "localhost:10.0")])));
    assert!(!is_likely(&Environment::of([("SSH_TTY", "/dev/pts/1"), ("DISPLAY", ":0")])));
    assert_eq!(is_likely(&Environment::of([])), cfg!(target_os = "macos"));
}
