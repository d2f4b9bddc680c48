use super::{Safe, SecretFile, Unsafe};

const ROOT: u32 = 0;
const USER: u32 = 1000;
const SOMEBODY: u32 = 1001;

#[track_caller]
fn check(owner: u32, mode: u32, user: u32, judged: Result<Safe, Unsafe>) {
    assert_eq!(SecretFile::new(owner, mode, false).judge(user), judged, "{owner} {mode:o} for {user}");
}

#[test]
fn the_users_own_file_is_private_or_refused() {
    for user in [ROOT, USER] {
        for mode in [0o600, 0o400, 0o100_600, 0o700] {
            check(user, mode, user, Ok(Safe::Private));
        }
        for mode in [0o640, 0o644, 0o444, 0o604, 0o601] {
            check(user, mode, user, Err(Unsafe::Readable));
        }
        for mode in [0o620, 0o602, 0o666, 0o100_622] {
            check(user, mode, user, Err(Unsafe::Writable));
        }
    }
}

#[test]
fn roots_file_is_taken_by_everybody_else_unless_others_may_write_it() {
    for mode in [0o400, 0o440, 0o444, 0o600, 0o640, 0o644] {
        check(ROOT, mode, USER, Ok(Safe::Shared));
    }
    check(ROOT, 0o664, USER, Err(Unsafe::Writable));
    check(ROOT, 0o646, USER, Err(Unsafe::Writable));
}

#[test]
fn the_file_of_another_user_is_refused_by_root_too() {
    for user in [ROOT, USER] {
        check(SOMEBODY, 0o600, user, Err(Unsafe::Foreign));
        check(SOMEBODY, 0o444, user, Err(Unsafe::Foreign));
        check(SOMEBODY, 0o666, user, Err(Unsafe::Writable));
    }
}

#[test]
fn whatever_is_on_a_read_only_mount_is_taken() {
    for owner in [ROOT, USER, SOMEBODY] {
        for mode in [0o400, 0o444, 0o644, 0o666, 0o777] {
            let own_and_private = owner == USER && mode == 0o400;
            let safe = if own_and_private { Safe::Private } else { Safe::Shared };
            assert_eq!(SecretFile::new(owner, mode, true).judge(USER), Ok(safe), "{owner} {mode:o}");
        }
    }
}
