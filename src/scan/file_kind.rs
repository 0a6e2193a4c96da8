//! What kind of file a path names, as far as that tells how likely a secret in it is a live one.

/// Words in the names of folders and files that hold tests, examples and documentation.
const FIXTURES: &[&str] = &[
    "cassette",
    "cassettes",
    "demo",
    "demos",
    "doc",
    "docs",
    "documentation",
    "dummy",
    "e2e",
    "example",
    "examples",
    "fake",
    "fakes",
    "fixture",
    "fixtures",
    "mock",
    "mocks",
    "sample",
    "samples",
    "snapshots",
    "spec",
    "specs",
    "stub",
    "stubs",
    "test",
    "testdata",
    "testing",
    "tests",
    "testutil",
    "testutils",
    "tutorial",
    "tutorials",
];

/// Endings of files that are written for people.
const PROSE: &[&str] = &["adoc", "asciidoc", "md", "mdx", "rst"];

/// Whether a path (from the root of the scan) is of a test, an example or documentation.
pub(crate) fn is_fixture(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| PROSE.contains(&ending.as_str()))
        || path
            .split(['/', '!'])
            .any(|part| part == "t" || words(part).any(|word| FIXTURES.contains(&word.as_str())))
}

/// The words of a name, in lower case, parted by capitals and by what is no letter or digit.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || letter.is_uppercase() && after_small {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("there is always one").extend(letter.to_lowercase());
        }
        after_small = letter.is_lowercase();
    }
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_examples_and_documentation_are_fixtures() {
        for path in [
            "tests/a.py",
            "src/test/resources/key.pem",
            "core/src/AdminClientTest.java",
            "pkg/config_test.go",
            "app/user.spec.ts",
            "README.md",
            ".env.example",
            "smoke-test-web/app.yml",
            "t/t5563-auth.sh",
        ] {
            assert!(is_fixture(path), "{path}");
        }
        for path in
            ["src/latest/config.yml", "contest/a.py", "config/production.yml", "attestation.rs", ".env"]
        {
            assert!(!is_fixture(path), "{path}");
        }
    }
}
