//! This repository keeps its own rules: no secret stands in its files or its history, and no committed
//! file names the host of a package registry.

use crate::harness::{Cmd, git};
use std::path::Path;

/// The checkout, if these sources are one.
fn checkout() -> Option<&'static Path> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if root.join(".git").exists() {
        return Some(root);
    }
    eprintln!("skipped: {} is no git checkout", root.display());
    None
}

#[test]
fn this_repository_holds_no_secret() {
    let Some(root) = checkout() else { return };
    let shallow = git(root, ["rev-parse", "--is-shallow-repository"]) == "true";
    if shallow {
        eprintln!("the clone is shallow: what is there is scanned");
    }
    Cmd::new(root).args(["scan"]).run().expect_code(if shallow { 3 } else { 0 });
}

#[test]
fn no_file_names_the_host_of_a_registry() {
    let Some(root) = checkout() else { return };
    let hosts = [
        ("npmjs", ["org", "com"].as_slice()),
        ("yarnpkg", &["com"]),
        ("pypi", &["org", "io"]),
        ("pythonhosted", &["org"]),
        ("crates", &["io"]),
        ("rubygems", &["org"]),
        ("nuget", &["org"]),
        ("maven", &["org"]),
        ("golang", &["org"]),
        ("debian", &["org"]),
        ("ghcr", &["io"]),
        ("quay", &["io"]),
        ("docker", &["io"]),
    ];
    let ends =
        |(name, ends): &(&str, &[&str])| ends.iter().map(|end| format!("{name}.{end}")).collect::<Vec<_>>();
    let hosts: Vec<String> = hosts.iter().flat_map(ends).collect();
    // Cargo writes its registry's name into the lock file.
    for name in git(root, ["ls-files", "-z"]).split_terminator('\0').filter(|name| *name != "Cargo.lock") {
        // A file may be deleted and not committed yet.
        let Ok(content) = std::fs::read(root.join(name)) else { continue };
        let content = String::from_utf8_lossy(&content).to_lowercase();
        for host in &hosts {
            assert!(!content.contains(host), "{name} names {host}");
        }
    }
}
