//! Every variable that is read or set, in one table: the page of `help environment`, the manual and the guide are it.

/// A variable, and what it does.
pub(crate) type Variable = (&'static str, &'static str);

/// The variables by what they are about.
pub(crate) const VARIABLES: [(&str, &[Variable]); 6] = [
    (
        "Who",
        &[
            ("BUTLR_CLIENT_ID", "the client to be at Butlr; with its secret no login is needed"),
            ("BUTLR_CLIENT_SECRET", "its secret; no other program is handed it"),
            ("BUTLR_CLIENT_SECRET_FILE", "a file with its secret, where the variable is not set"),
            ("BUTLR_USERNAME", "who logs in by password, where the profile does not say"),
            ("BUTLR_PASSWORD", "the password of a login; no other program is handed it"),
            ("BUTLR_PASSWORD_FILE", "a file with the password, where the variable is not set"),
            ("BUTLR_PROFILE", "the profile to use, where the command line names none"),
        ],
    ),
    (
        "Where",
        &[
            ("BUTLR_BASE_URL", "Butlr's API, for what no profile is configured for"),
            ("BUTLR_AUTH_CONFIG", "the configuration, where --config names none"),
            ("BUTLR_AUTH_STATE_DIR", "the folder of the sessions"),
            ("HOME", "the folder of configuration and sessions, where no other is named"),
            ("XDG_CONFIG_HOME", "the folder of the configuration's folder [~/.config]"),
            ("XDG_STATE_HOME", "the folder of the sessions' folder [~/.local/state]"),
        ],
    ),
    (
        "What is shown",
        &[
            ("BUTLR_AUTH_LOG", "log decisions: error, warn, info, debug or trace, as -v and -vv do"),
            ("NO_COLOR", "colour nothing, if it is set to anything"),
            ("TERM", "`dumb` is a terminal without colours that cannot move its cursor"),
            ("COLUMNS", "the width of help, where the terminal does not say"),
            ("LC_ALL", "whether a QR code can be drawn, as LC_CTYPE and LANG; the first counts"),
            ("LC_CTYPE", "see LC_ALL"),
            ("LANG", "see LC_ALL"),
        ],
    ),
    (
        "The network",
        &[
            ("HTTPS_PROXY", "the proxy for https; never for what is on this machine"),
            ("ALL_PROXY", "the proxy, where HTTPS_PROXY is not set"),
            ("NO_PROXY", "hosts that are asked without a proxy"),
            ("SSL_CERT_FILE", "certificate authorities to trust, instead of the system's"),
            ("SSL_CERT_DIR", "a folder of them"),
        ],
    ),
    (
        "The desktop, and other programs",
        &[
            ("BROWSER", "the browser that `login` opens"),
            ("DISPLAY", "a screen: `login` may open a browser"),
            ("WAYLAND_DISPLAY", "a screen as well"),
            ("WSL_DISTRO_NAME", "Windows around it: there is a screen"),
            ("SSH_CONNECTION", "nobody sits at this screen: `login` prints the address"),
            ("SSH_TTY", "see SSH_CONNECTION"),
            ("DBUS_SESSION_BUS_ADDRESS", "where the keyring is"),
            ("KUBERNETES_EXEC_INFO", "which version of its form kubectl reads, set by kubectl"),
        ],
    ),
    (
        "Set for the command of `run`, and printed by `token --shell`",
        &[
            ("BUTLR_ACCESS_TOKEN", "the token"),
            ("BUTLR_TOKEN_EXPIRES_AT", "when it ends, in UTC; not set if it does not, or nobody knows"),
            ("BUTLR_BASE_URL", "the profile's API, or not set: the token is for nobody else's"),
        ],
    ),
];

/// The table as lines for a terminal.
pub(crate) fn text() -> String {
    let mut text = "Variables of the environment. An empty one counts as not set.\n".to_owned();
    for (about, variables) in VARIABLES {
        text.push_str(&format!("\n{about}:\n"));
        for (name, what) in variables {
            text.push_str(&format!("  {name:<26}{what}\n"));
        }
    }
    text + "\n\
What wins: a flag, the profile named by -p, BUTLR_CLIENT_ID with its secret, BUTLR_PROFILE, the default\n\
profile of the configuration, Butlr. `butlr-auth status` says which it was, and what it hides.\n"
}

#[cfg(test)]
mod tests;
