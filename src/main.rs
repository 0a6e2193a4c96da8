//! The command line. Only this binary prints and exits.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
