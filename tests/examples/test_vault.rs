//! A Key Vault to try things against: `test_vault NAME=VALUE…` stores the values, prints the
//! variables that point `cofferdam` at it, and serves until its standard input ends.
//! `--latency MILLISECONDS` makes it slow.
#![allow(clippy::print_stdout)]

use cofferdam::vault::test_vault::TestVault;
use std::io::Read as _;
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let vault = TestVault::start()?;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--latency" {
            let milliseconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
            vault.latency(Duration::from_millis(milliseconds));
        } else if let Some((name, value)) = argument.split_once('=') {
            vault.set(&name.replace('_', "-"), value);
        }
    }
    for (name, value) in vault.variables() {
        println!("export {name}='{value}'");
    }
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
