//! A build, or a system, without a keyring.

use zeroize::Zeroizing;

use crate::failure::Failure;

pub(crate) async fn read(_name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    Err(absent())
}

pub(crate) async fn write(_name: &str, _secret: Zeroizing<String>) -> Result<(), Failure> {
    Err(absent())
}

fn absent() -> Failure {
    Failure::configuration("this build of butlr-auth uses no keyring")
        .help("say where the secret is by { file = … }, { command = […] } or { env = … }")
}
