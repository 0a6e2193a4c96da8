//! The pipelines of `docs/pipeline.md` and `.github/workflows/`: each line of theirs that calls `cofferdam`
//! is run with the variables that its job has, in the shop that the page declares. Lines of other programs
//! are not run; actionlint looks at them, in `.ci/run`.
#![cfg(unix)]

use crate::harness::{BASE62, Cmd, Outcome, Repo, token};
use cofferdam::vault::settings::Auth;
use cofferdam::vault::test_vault::TestVault;
use saphyr::{LoadableYamlNode as _, Yaml};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const PAGE: &str = "docs/pipeline.md";
const DELIVERY: &str = ".github/workflows/examples/delivery.yml";
const RELEASE: &str = ".github/workflows/release.yml";

/// Whose pipeline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    GitHub,
    GitLab,
    AzurePipelines,
    Bitbucket,
}

/// A line that calls the program.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    service: Service,
    /// The job may log in: `id-token: write`.
    login: bool,
    command: String,
}

impl Line {
    fn scans(&self) -> bool {
        self.command.starts_with("cofferdam scan")
    }
}

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn yaml(text: &str) -> Yaml<'_> {
    Yaml::load_from_str(text).unwrap().remove(0)
}

/// The code blocks of the page in one language.
fn blocks<'t>(page: &'t str, language: &str) -> Vec<&'t str> {
    let open = format!("```{language}\n");
    page.split(&open).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Everything that a shell gets, in its order.
fn scripts<'y>(node: &'y Yaml, found: &mut Vec<&'y str>) {
    for (key, value) in node.as_mapping().into_iter().flatten() {
        match (key.as_str(), value.as_sequence()) {
            (Some("run" | "bash"), _) => found.extend(value.as_str()),
            (Some("script"), Some(lines)) => found.extend(lines.iter().filter_map(|line| line.as_str())),
            _ => scripts(value, found),
        }
    }
    for item in node.as_sequence().into_iter().flatten() {
        scripts(item, found);
    }
}

fn calls(script: &str) -> impl Iterator<Item = String> {
    script.lines().map(str::trim).filter(|line| line.starts_with("cofferdam ")).map(str::to_owned)
}

/// The lines of one YAML text that call the program.
fn lines(text: &str) -> Vec<Line> {
    let yaml = yaml(text);
    let has = |key: &str| yaml.contains_mapping_key(key);
    let service = match () {
        () if has("jobs") => Service::GitHub,
        () if has("pipelines") => Service::Bitbucket,
        () if has("pool") => Service::AzurePipelines,
        () => Service::GitLab,
    };
    let jobs = jobs(&yaml);
    let parts = if jobs.is_empty() { vec![("", &yaml)] } else { jobs };
    let mut lines = Vec::new();
    for (_, part) in parts {
        let mut found = Vec::new();
        scripts(part, &mut found);
        let login = permission(part, "id-token") == Some("write");
        for command in found.into_iter().flat_map(calls) {
            let line = Line { service, login, command };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

fn jobs<'y>(workflow: &'y Yaml) -> Vec<(&'y str, &'y Yaml<'y>)> {
    let jobs = workflow.as_mapping_get("jobs").and_then(|jobs| jobs.as_mapping());
    jobs.into_iter().flatten().map(|(name, job)| (name.as_str().unwrap(), job)).collect()
}

fn permission<'y>(job: &'y Yaml, name: &str) -> Option<&'y str> {
    job.as_mapping_get("permissions")?.as_mapping_get(name)?.as_str()
}

/// All lines that call the program, of the workflow and of the page.
fn all_lines() -> Vec<Line> {
    let page = text(PAGE);
    let mut all = lines(&text(DELIVERY));
    all.extend(blocks(&page, "yaml").into_iter().flat_map(lines));
    let shell = blocks(&page, "sh").into_iter().flat_map(calls);
    all.extend(shell.map(|command| Line { service: Service::GitHub, login: true, command }));
    all
}

/// The shop that the page declares, and a pull request of one commit to it.
struct Shop {
    repo: Repo,
    vault: TestVault,
    base: String,
    head: String,
    merge: String,
}

impl Shop {
    fn new(change: &str) -> Self {
        let page = text(PAGE);
        let repo = Repo::new();
        repo.write("cofferdam.toml", blocks(&page, "toml")[0]);
        let template = blocks(&page, "sh").into_iter().find(|block| block.starts_with("# .env.")).unwrap();
        repo.write(".env.staging", template);
        repo.write(".env.production", template);
        repo.git(["add", "."]);
        let base = repo.commit("server.ts", "serve();\n", "Start");
        repo.git(["update-ref", "refs/remotes/origin/main", &base]);
        repo.git(["checkout", "-q", "-b", "change"]);
        let head = repo.commit("pay.ts", change, "Pay");
        repo.git(["checkout", "-q", "--detach", "main"]);
        repo.git(["merge", "-q", "--no-ff", "-m", "Merge", "change"]);
        let merge = repo.git(["rev-parse", "HEAD"]);
        let vault = TestVault::start().unwrap();
        vault.set("DATABASE-URL", "postgres://shop:pw@db.example/shop");
        vault.set("SESSION-KEY", &token(1, BASE62, 40));
        Self { repo, vault, base, head, merge }
    }

    /// Runs one line as its job does.
    fn run(&self, line: &Line) -> Outcome {
        let merged = matches!(line.service, Service::GitHub | Service::AzurePipelines);
        self.repo.git(["checkout", "-q", "--detach", if merged { &self.merge } else { &self.head }]);
        // Beside the repository, as a runner has them.
        let runner = self.vault.directory();
        let event = text("tests/data/events/pull_request.json");
        let event = event.replace("BASE_SHA", &self.base).replace("HEAD_SHA", &self.head);
        for (name, content) in [("event.json", event.as_str()), ("env", ""), ("output", "")] {
            std::fs::write(runner.join(name), content).unwrap();
        }
        let bun = runner.join("bun");
        std::fs::write(&bun, "#!/bin/sh\ntest -n \"$DATABASE_URL\"\n").unwrap();
        std::fs::set_permissions(&bun, std::fs::Permissions::from_mode(0o755)).unwrap();
        let script = format!("PATH=\"{}:$PATH\"\n{}", runner.display(), line.command);
        let login = self.vault.login_variables(Auth::Github).into_iter().filter(|_| line.login);
        let command = login
            .fold(Cmd::shell(self.repo.path(), &script), |command, (name, value)| command.env(name, value));
        let variables = self.variables(line.service);
        let pairs = variables.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        pairs.fold(command, |command, (name, value)| command.env(name, value)).run()
    }

    /// The service's variables for a pull request.
    fn variables(&self, service: Service) -> String {
        let Self { base, head, merge, .. } = self;
        let runner = self.vault.directory().display();
        match service {
            Service::GitHub => format!(
                "CI=true GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_BASE_REF=main GITHUB_SHA={merge}
                GITHUB_EVENT_PATH={runner}/event.json GITHUB_ENV={runner}/env GITHUB_OUTPUT={runner}/output
                GITHUB_STEP_SUMMARY={runner}/summary"
            ),
            Service::GitLab => format!(
                "CI=true GITLAB_CI=true CI_PIPELINE_SOURCE=merge_request_event CI_DEFAULT_BRANCH=main
                CI_COMMIT_SHA={head} CI_MERGE_REQUEST_DIFF_BASE_SHA={base} CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main"
            ),
            Service::AzurePipelines => format!(
                "TF_BUILD=True BUILD_REASON=PullRequest BUILD_SOURCEVERSION={merge}
                SYSTEM_PULLREQUEST_SOURCECOMMITID={head} SYSTEM_PULLREQUEST_TARGETBRANCH=refs/heads/main"
            ),
            Service::Bitbucket => format!(
                "CI=true BITBUCKET_BUILD_NUMBER=1 BITBUCKET_PR_ID=1 BITBUCKET_COMMIT={head}
                BITBUCKET_PR_DESTINATION_BRANCH=main BITBUCKET_PR_DESTINATION_COMMIT={base}"
            ),
        }
    }
}

#[test]
fn the_scans_of_the_pipelines_pass_and_refuse() {
    let lines: Vec<_> = all_lines().into_iter().filter(Line::scans).collect();
    let services: Vec<_> = lines.iter().map(|line| line.service).collect();
    assert_eq!(
        services,
        [Service::GitHub, Service::GitLab, Service::AzurePipelines, Service::Bitbucket],
        "{lines:?}"
    );
    let leak = format!("const key = \"sk_live_{}\";\n", token(7, BASE62, 24));
    let (clean, leaking) = (Shop::new("pay();\n"), Shop::new(&leak));
    for line in &lines {
        clean.run(line).expect_code(0);
        leaking.run(line).expect_code(1);
    }
}

#[test]
fn the_secrets_of_the_pipelines_are_checked_and_delivered() {
    let lines: Vec<_> = all_lines().into_iter().filter(|line| !line.scans()).collect();
    assert!(lines.len() >= 6, "{lines:?}");
    assert!(lines.iter().all(|line| line.login), "{lines:?}");
    let (ready, unready) = (Shop::new("pay();\n"), Shop::new("pay();\n"));
    unready.vault.delete("SESSION-KEY");
    let delivered = |shop: &Shop| {
        ["env", "output"]
            .map(|name| std::fs::read_to_string(shop.vault.directory().join(name)).unwrap())
            .concat()
    };
    for line in &lines {
        let exports = line.command.contains(" export ");
        let outcome = ready.run(line).expect_code(0);
        if exports {
            let key = token(1, BASE62, 40);
            outcome.expect_stdout(&format!("::add-mask::{key}\n"));
            assert!(delivered(&ready).contains(&key), "{line:?}");
        }
        unready.run(line).expect_code(if line.command.contains(" run ") { 125 } else { 1 });
        assert_eq!(delivered(&unready), "", "{line:?}");
    }
}

#[test]
fn no_deploy_comes_before_its_check() {
    let text = text(DELIVERY);
    let workflow = yaml(&text);
    let mut deploys = 0;
    for (name, job) in jobs(&workflow) {
        let mut found = Vec::new();
        scripts(job, &mut found);
        let first = |words: &str| found.iter().position(|script| script.contains(words));
        if let Some(deploy) = first("az webapp deploy ") {
            deploys += 1;
            assert!(first(&format!("cofferdam env-check -e {name}")).is_some_and(|check| check < deploy));
            assert_eq!(job["environment"].as_str(), Some(name));
        }
    }
    assert_eq!(deploys, 2);
}

/// Least permissions, an end to every job, actions that cannot be exchanged, no expression in a script.
#[test]
fn the_workflows_are_hardened() {
    for name in [DELIVERY, RELEASE] {
        let text = text(name);
        let workflow = yaml(&text);
        assert!(workflow["permissions"].as_mapping().unwrap().is_empty(), "{name}");
        assert!(workflow.contains_mapping_key("concurrency"), "{name}");
        let jobs = jobs(&workflow);
        assert!(jobs.len() >= 2);
        for (job, node) in jobs {
            assert!(node["timeout-minutes"].as_integer().is_some(), "{name}: {job}");
            assert!(node["permissions"].as_mapping().is_some(), "{name}: {job}");
            let mut found = Vec::new();
            scripts(node, &mut found);
            assert!(!found.is_empty() && found.iter().all(|script| !script.contains("${{")), "{name}: {job}");
        }
        for action in text.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, action)| action) {
            let (_, commit) = action.split_once('@').unwrap();
            let (commit, version) = commit.split_once(" # v").unwrap();
            assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action}");
            assert!(version.starts_with(|digit: char| digit.is_ascii_digit()), "{action}");
        }
    }
}
