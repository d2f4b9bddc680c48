//! The program `butlr-auth`; see the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    butlr_auth_cli::main()
}
