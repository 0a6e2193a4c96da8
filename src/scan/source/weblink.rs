//! Where a file at a commit can be seen on the web, from the repository's remote. Hosts that are
//! not known by name have no links: a guess could lead anywhere. Credentials in the remote's
//! address never reach a link.

use super::repository::Repository;

/// How a host writes the address of a file at a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    GitHub,
    GitLab,
    AzureDevOps,
    Gitea,
    Bitbucket,
}

/// A repository on a known host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    style: Style,
    /// `https://host/owner/name`.
    base: String,
}

impl Site {
    /// The site of the remote `origin`, of the only remote, or of the first by name.
    pub fn of(repository: &Repository) -> Option<Self> {
        let url = repository.with(|git| Ok(remote(git))).ok().flatten()?;
        Self::of_remote(&url)
    }

    /// The site of a remote's address: `https://…`, `ssh://…` or `git@host:path`.
    pub fn of_remote(url: &str) -> Option<Self> {
        let (host, path) = host_and_path(url)?;
        let host = host.to_ascii_lowercase();
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        if path.is_empty() || path.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (style, base) = match host.as_str() {
            "github.com" | "ssh.github.com" => (Style::GitHub, format!("https://github.com/{path}")),
            "gitlab.com" | "altssh.gitlab.com" => (Style::GitLab, format!("https://gitlab.com/{path}")),
            "gitea.com" | "code.forgejo.org" | "codeberg.org" => {
                (Style::Gitea, format!("https://{host}/{path}"))
            }
            "bitbucket.org" | "altssh.bitbucket.org" => {
                (Style::Bitbucket, format!("https://bitbucket.org/{path}"))
            }
            "dev.azure.com" => (Style::AzureDevOps, format!("https://dev.azure.com/{path}")),
            "ssh.dev.azure.com" | "vs-ssh.visualstudio.com" => {
                // v3/organisation/project/repository
                let mut parts = path.strip_prefix("v3/")?.splitn(3, '/');
                let (organisation, project, name) = (parts.next()?, parts.next()?, parts.next()?);
                (Style::AzureDevOps, format!("https://dev.azure.com/{organisation}/{project}/_git/{name}"))
            }
            _ if host.ends_with(".visualstudio.com") => {
                (Style::AzureDevOps, format!("https://{host}/{path}"))
            }
            _ => return None,
        };
        Some(Self { style, base })
    }

    /// A file at a commit.
    pub fn file(&self, commit: &str, path: &str) -> String {
        let base = &self.base;
        let (file, inner) = path.split_once('!').map_or((path, false), |(outer, _)| (outer, true));
        let file = encoded(file);
        match self.style {
            Style::GitHub => {
                let extension = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
                // Rendered pages have no lines.
                let plain =
                    if !inner && matches!(extension.as_str(), "md" | "ipynb") { "?plain=1" } else { "" };
                format!("{base}/blob/{commit}/{file}{plain}")
            }
            Style::GitLab => format!("{base}/-/blob/{commit}/{file}"),
            Style::AzureDevOps => format!("{base}/commit/{commit}?path=/{file}"),
            Style::Gitea => format!("{base}/src/commit/{commit}/{file}"),
            Style::Bitbucket => format!("{base}/src/{commit}/{file}"),
        }
    }

    /// A commit.
    pub fn commit(&self, commit: &str) -> String {
        match self.style {
            Style::GitLab => format!("{}/-/commit/{commit}", self.base),
            Style::Bitbucket => format!("{}/commits/{commit}", self.base),
            _ => format!("{}/commit/{commit}", self.base),
        }
    }
}

fn remote(git: &git2::Repository) -> Option<String> {
    let names = git.remotes().ok()?;
    let names: Vec<String> =
        names.iter_bytes().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let name = names.iter().find(|name| *name == "origin").or(names.iter().min())?;
    git.config().ok()?.get_string(&format!("remote.{name}.url")).ok()
}

fn host_and_path(url: &str) -> Option<(&str, &str)> {
    if let Some((scheme, rest)) = url.split_once("://") {
        if !matches!(scheme, "https" | "http" | "ssh" | "git" | "git+ssh") {
            return None;
        }
        let (authority, path) = rest.split_once('/')?;
        let host = authority.rsplit('@').next()?;
        return Some((host.split(':').next()?, path.split(['?', '#']).next()?));
    }
    // user@host:path, but not C:\path nor ./a:b
    let (authority, path) = url.split_once(':')?;
    let host = authority.rsplit('@').next()?;
    (host.len() > 1 && !host.contains('/')).then_some((host, path))
}

fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(byte as char)
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(url: &str, path: &str) -> Option<String> {
        Some(Site::of_remote(url)?.file("c0ffee", path))
    }

    #[test]
    fn each_host_has_its_form() {
        let cases = [
            ("git@github.com:a/b.git", "x/y z#1.rs", "https://github.com/a/b/blob/c0ffee/x/y%20z%231.rs"),
            ("https://github.com/a/b", "README.md", "https://github.com/a/b/blob/c0ffee/README.md?plain=1"),
            ("ssh://git@gitlab.com:22/g/s/b.git", "x", "https://gitlab.com/g/s/b/-/blob/c0ffee/x"),
            ("https://codeberg.org/a/b.git/", "x", "https://codeberg.org/a/b/src/commit/c0ffee/x"),
            ("https://bitbucket.org/a/b", "x", "https://bitbucket.org/a/b/src/c0ffee/x"),
            ("git@ssh.dev.azure.com:v3/o/p/r", "x", "https://dev.azure.com/o/p/_git/r/commit/c0ffee?path=/x"),
            (
                "https://o.visualstudio.com/p/_git/r",
                "x",
                "https://o.visualstudio.com/p/_git/r/commit/c0ffee?path=/x",
            ),
        ];
        for (url, path, expected) in cases {
            assert_eq!(link(url, path).as_deref(), Some(expected), "{url}");
        }
    }

    #[test]
    fn credentials_never_reach_a_link() {
        let url = format!("https://user:{}@github.com/a/b.git?x=1", "hunter2");
        assert_eq!(link(&url, "x").as_deref(), Some("https://github.com/a/b/blob/c0ffee/x"));
    }

    #[test]
    fn unknown_hosts_and_local_paths_have_no_link() {
        for url in [
            "https://git.example.com/a/b",
            "/srv/git/a",
            "../a",
            "C:\\a",
            "file:///a/b",
            "https://github.com/",
        ] {
            assert_eq!(link(url, "x"), None, "{url}");
        }
    }
}
