//! A command-line tool that loads one secret without async: `cli_tool [ENVIRONMENT]`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use cofferdam::vault::{ExposeSecret as _, Loader};
use std::process::ExitCode;

fn main() -> ExitCode {
    let environment = std::env::args().nth(1).unwrap_or_else(|| "development".to_owned());
    let secrets = match Loader::from_environment(&environment).and_then(Loader::load_blocking) {
        Ok(secrets) => secrets,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for key in secrets.keys() {
        let length = secrets.find(key).map_or(0, |secret| secret.expose_secret().len());
        println!("{key}: {length} bytes");
    }
    ExitCode::SUCCESS
}
