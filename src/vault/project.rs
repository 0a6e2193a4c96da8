//! Finds what a directory declares: its `cofferdam.toml`, its environments and their templates.

use super::fault::{Fault, FaultKind, Faults, Place, nearest};
use super::manifest::{FILE, Manifest};
use super::template::Template;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Used where an environment has no template of its own.
const EXAMPLE: &str = ".env.example";

/// A directory with its declarations.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// The directory that all declared paths are relative to.
    pub root: PathBuf,
    /// `cofferdam.toml`; empty where there is none.
    pub manifest: Manifest,
    /// The root as it is shown: empty where it is the working directory.
    shown: PathBuf,
}

impl Project {
    /// The project that `directory` is in: the nearest directory above with a `cofferdam.toml`, not
    /// beyond the repository; else `directory` itself.
    ///
    /// # Errors
    /// Everything that is wrong with `cofferdam.toml`.
    pub fn find(directory: &Path) -> Result<Self, Faults> {
        let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        for (levels, ancestor) in absolute.ancestors().enumerate() {
            if ancestor.join(FILE).is_file() {
                let up: PathBuf = std::iter::repeat_n("..", levels).collect();
                let shown = if directory == Path::new(".") { up } else { ancestor.to_owned() };
                let manifest = Manifest::read(&ancestor.join(FILE), &shown.join(FILE))?;
                return Ok(Self { root: ancestor.to_owned(), manifest, shown });
            }
            if ancestor.join(".git").exists() {
                break;
            }
        }
        let shown = if directory == Path::new(".") { PathBuf::new() } else { directory.to_owned() };
        Ok(Self { root: absolute, manifest: Manifest::default(), shown })
    }

    /// The project of this `cofferdam.toml`, whatever the file's name.
    ///
    /// # Errors
    /// When it cannot be read, or everything that is wrong with it.
    pub fn open(file: &Path) -> Result<Self, Faults> {
        let shown = file.parent().unwrap_or(Path::new("")).to_owned();
        let root = if shown.as_os_str().is_empty() { PathBuf::from(".") } else { shown.clone() };
        Ok(Self { root, manifest: Manifest::read(file, file)?, shown })
    }

    /// A path as the user knows it.
    pub fn shown(&self, path: &Path) -> PathBuf {
        self.shown.join(path)
    }

    /// The names of the environments: those of `cofferdam.toml`, else those with a template.
    pub fn environments(&self) -> Vec<String> {
        if !self.manifest.environments.is_empty() {
            return self.manifest.environments.keys().cloned().collect();
        }
        let mut names: Vec<_> = std::fs::read_dir(&self.root)
            .into_iter()
            .flatten()
            .filter_map(|entry| template_of(entry.ok()?.file_name().to_str()?).map(str::to_owned))
            .collect();
        names.sort_unstable();
        names
    }

    /// The template of an environment with its path as shown; none: only `cofferdam.toml` says
    /// what the environment needs.
    ///
    /// # Errors
    /// When there is no such environment, no template and no other declaration, or everything that
    /// is wrong with the template.
    pub fn template(&self, environment: &str) -> Result<Option<(Template, PathBuf)>, Faults> {
        let declared = self.declared(environment)?;
        let named = declared.and_then(|declared| declared.template.clone());
        let tried = match named {
            Some(path) => vec![path],
            None => vec![format!(".env.{environment}").into(), PathBuf::from(EXAMPLE)],
        };
        if let Some(path) = tried.iter().find(|path| self.root.join(path).exists()) {
            let shown = self.shown(path);
            return Ok(Some((Template::read(&self.root.join(path), &shown)?, shown)));
        }
        if declared.is_some() && !self.manifest.secrets.is_empty() {
            return Ok(None);
        }
        let place = declared.map_or_else(|| Place::file(self.shown(Path::new("."))), |d| d.place.clone());
        let tried = tried.iter().map(|path| self.shown(path).display().to_string()).collect();
        Err(Faults::one(place, FaultKind::NoTemplate { name: environment.to_owned(), tried }))
    }

    /// Secrets of `cofferdam.toml` that no environment needs: misspelt, or left over. Where a
    /// template cannot be read, nothing is said.
    pub fn strays(&self) -> Vec<Fault> {
        let mut keys = BTreeSet::new();
        for environment in self.environments() {
            match self.template(&environment) {
                Ok(Some((template, _))) => keys.extend(template.entries.into_iter().map(|entry| entry.key)),
                Ok(None) | Err(_) => return Vec::new(),
            }
        }
        let unused = self.manifest.secrets.iter();
        let unused = unused.filter(|(key, declared)| declared.environments.is_none() && !keys.contains(*key));
        let fault = |(key, declared): (&String, &super::manifest::Declared)| {
            let suggestion = nearest(key, keys.iter().map(String::as_str));
            Fault { place: declared.place.clone(), kind: FaultKind::Stray { key: key.clone(), suggestion } }
        };
        unused.map(fault).collect()
    }

    /// What `cofferdam.toml` says about an environment.
    fn declared(&self, environment: &str) -> Result<Option<&super::manifest::Environment>, Faults> {
        if let Some(declared) = self.manifest.environments.get(environment) {
            return Ok(Some(declared));
        }
        let known = self.environments();
        if known.is_empty() || known.iter().any(|name| name == environment) {
            return Ok(None);
        }
        let file = if self.manifest.environments.is_empty() { Path::new(".") } else { Path::new(FILE) };
        let near = nearest(environment, known.iter().map(String::as_str));
        let known = near.map_or(known, |near| vec![near]);
        let kind = FaultKind::UnknownEnvironment { name: environment.to_owned(), known };
        Err(Faults::one(Place::file(self.shown(file)), kind))
    }
}

/// The environment whose template a file name is.
pub fn template_of(name: &str) -> Option<&str> {
    const OTHERS: &[&str] =
        &["example", "sample", "template", "dist", "defaults", "schema", "vault", "local", "keys", "bak"];
    let environment = name.strip_prefix(".env.")?;
    let plain = environment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (plain && !environment.is_empty() && !OTHERS.contains(&environment)).then_some(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        directory
    }

    #[test]
    fn environments_are_the_templates_where_nothing_else_says() {
        let files = [(".env.staging", ""), (".env.production", ""), (".env.local", ""), (".env.example", "")];
        let directory = directory(&files);
        let project = Project::find(directory.path()).unwrap();
        assert_eq!(project.environments(), ["production", "staging"]);
        let words = project.template("prodution").unwrap_err().to_string();
        assert!(words.contains("no environment `prodution`; there are: production"), "{words}");
    }

    #[test]
    fn an_example_serves_where_there_is_nothing_else() {
        let directory = directory(&[(".env.example", "A=\n")]);
        let project = Project::find(directory.path()).unwrap();
        assert_eq!(project.template("any").unwrap().unwrap().0.entries.len(), 1);
        std::fs::remove_file(directory.path().join(".env.example")).unwrap();
        assert!(project.template("any").unwrap_err().to_string().contains("has no template"));
    }

    #[test]
    fn secrets_that_no_template_has_are_named() {
        let toml = "[environments.a]\n[secrets.DATBASE_URL]\n[secrets.B]\nenvironments = [\"a\"]\n";
        let directory = directory(&[("cofferdam.toml", toml), (".env.a", "DATABASE_URL=\n")]);
        let strays = Project::find(directory.path()).unwrap().strays();
        assert_eq!(strays.len(), 1);
        let words = strays[0].to_string();
        assert!(
            words.ends_with(":2:10: no template has `DATBASE_URL`; did you mean `DATABASE_URL`?"),
            "{words}"
        );
    }

    #[test]
    fn the_manifest_is_found_from_below_but_not_beyond_the_repository() {
        let text = "[environments.a]\n";
        let directory =
            directory(&[("cofferdam.toml", text), ("x/y/z", ""), ("repo/.git/HEAD", ""), ("repo/b", "")]);
        assert_eq!(Project::find(&directory.path().join("x/y")).unwrap().environments(), ["a"]);
        assert!(Project::find(&directory.path().join("repo")).unwrap().environments().is_empty());
    }
}
