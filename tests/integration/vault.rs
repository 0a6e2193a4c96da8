//! The vault half from the outside: the program against a test vault.

use crate::harness::{BASE62, Cmd, Dir, Outcome, token};
use cofferdam::vault::settings::Auth;
use cofferdam::vault::test_vault::{Fault, TestVault};
use std::time::{Duration, Instant};

const MANIFEST: &str = "[environments.development]\nsources = [\"process\", \"dotenv:.env.local\"]\n\
    [environments.production]\nsources = [\"process\", \"keyvault://ours\"]\n";

/// A project whose production environment has this template.
fn project(template: &str) -> Dir {
    let dir = Dir::new();
    dir.write("cofferdam.toml", MANIFEST);
    dir.write(".env.production", template);
    dir
}

fn against(vault: &TestVault, dir: &Dir) -> Cmd {
    vault.variables().into_iter().fold(dir.cofferdam(), |command, (name, value)| command.env(name, value))
}

fn check(vault: &TestVault, dir: &Dir, more: &[&str]) -> Outcome {
    let arguments = ["env-check", "-e", "production"].iter().chain(more);
    against(vault, dir).args(arguments).run()
}

#[test]
fn a_ready_environment_is_checked_run_and_exported() {
    let vault = TestVault::start().unwrap();
    let key = token(1, BASE62, 40);
    vault.set("OPENAI-API-KEY", &key);
    vault.set("DATABASE-URL", "postgres://app:pw@db.example/app");
    let dir = project("OPENAI_API_KEY=\nDATABASE_URL= # url\nPORT=3000\n# optional\nSENTRY_DSN=\n");
    check(&vault, &dir, &[]).expect_code(0).expect_stdout("keyvault://localhost:").expect_stdout("template");
    let shown = against(&vault, &dir)
        .args(["run", "-e", "production", "--", "sh", "-c"])
        .args([
            "echo \"$OPENAI_API_KEY $PORT ${SENTRY_DSN-unset} ${COFFERDAM_ACCESS_TOKEN-stripped}\"; exit 7",
        ])
        .run()
        .expect_code(7);
    assert_eq!(shown.stdout.trim(), format!("{key} 3000 unset stripped"));
    let env = dir.write("github_env", "");
    let output = against(&vault, &dir)
        .args(["export", "-e", "production", "--format", "github"])
        .env("GITHUB_ENV", &env)
        .run()
        .expect_code(0)
        .expect_stdout(&format!("::add-mask::{key}\n"));
    assert!(!output.stdout.contains("3000"));
    assert!(dir.read("github_env").contains(&format!("\n{key}\n")));
    let env = dir.write("github_output", "");
    let command =
        against(&vault, &dir).args(["export", "-e", "production", "--format", "github", "--outputs"]);
    command.env("GITHUB_OUTPUT", &env).run().expect_code(0);
    assert!(dir.read("github_output").contains("OPENAI-API-KEY<<END_"));
}

/// The issue's own example: everything at once, in one answer.
#[test]
fn ten_references_of_which_seven_fail_give_one_answer() {
    let vault = TestVault::start().unwrap();
    let names = ["GOOD_A", "GOOD_B", "GOOD_C", "GONE_A", "GONE_B", "OFF", "DENIED", "OLD", "TYPED", "BUSY"];
    let template: String = names.iter().map(|name| format!("{name}=\n")).collect();
    let dir = project(&template.replace("TYPED=", "TYPED= # port"));
    for name in names.iter().filter(|name| !name.starts_with("GONE")) {
        vault.set(&name.replace('_', "-"), &token(2, BASE62, 30));
    }
    vault.disable("OFF");
    vault.fault("DENIED", Fault::ForbiddenByRbac);
    vault.validity("OLD", None, Some(1_600_000_000));
    vault.fault("BUSY", Fault::Throttled(99, Some(600)));
    let start = Instant::now();
    let outcome = check(&vault, &dir, &["--format", "json", "--timeout", "5s"]).expect_code(1);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let reports: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(reports[0]["status"], "failed");
    let problems = reports[0]["problems"].as_array().unwrap();
    let said: Vec<_> = problems
        .iter()
        .map(|problem| (problem["key"].as_str().unwrap(), problem["cause"].as_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            ("GONE_A", "missing"),
            ("GONE_B", "missing"),
            ("OFF", "disabled"),
            ("DENIED", "denied"),
            ("OLD", "expired"),
            ("TYPED", "wrong-type"),
            ("BUSY", "throttled"),
        ]
    );
    assert_eq!(problems[0]["place"]["line"], 4);
    assert!(problems[3]["what"].as_str().unwrap().contains("0b2f6c1e-8a53-4d0e-9b1d-1f2e3d4c5b6a"));
    assert_eq!(vault.connections(), 1);
    let refused = against(&vault, &dir).args(["run", "-e", "production", "--", "echo", "started"]).run();
    assert!(!refused.expect_code(125).stdout.contains("started"));
}

#[test]
fn every_fault_has_its_word() {
    let cases = [
        (Fault::ForbiddenByRbac, 1, "denied"),
        (Fault::AccessDenied, 1, "az keyvault set-policy"),
        (Fault::ForbiddenByFirewall, 1, "firewall"),
        (Fault::ForbiddenByConnection, 1, "private link"),
        (Fault::Unauthorized, 3, "refused the token"),
        (Fault::Throttled(99, Some(99)), 3, "asks to wait 99 s"),
        (Fault::ServerError(99), 3, "answered 500"),
        (Fault::Hang, 3, "did not answer before the deadline"),
        (Fault::CutOff, 3, "malformed answer"),
        (Fault::ProxyHtml(200), 3, "did not come from Key Vault"),
        (Fault::ProxyHtml(403), 3, "did not come from Key Vault"),
        (Fault::ProxyHtml(404), 3, "did not come from Key Vault"),
        (Fault::ProxyHtml(502), 3, "answered 502"),
        (Fault::Garbled, 3, "did not come from Key Vault"),
    ];
    let vault = TestVault::start().unwrap();
    let dir = project("A=\nB=\n");
    vault.set("A", "some value");
    for (fault, code, words) in cases {
        vault.set("B", "some value");
        vault.fault("B", fault.clone());
        let start = Instant::now();
        check(&vault, &dir, &["--timeout", "2s"]).expect_code(code).expect_stdout(words);
        assert!(start.elapsed() < Duration::from_millis(2600), "{fault:?}: {:?}", start.elapsed());
    }
    vault.fault("B", None);
    vault.delete("B");
    check(&vault, &dir, &[])
        .expect_code(1)
        .expect_stdout("az keyvault secret recover --vault-name localhost --name B");
}

#[test]
fn what_passes_is_tried_again() {
    let vault = TestVault::start().unwrap();
    let dir = project("A=\nB=\nC=\n");
    for name in ["A", "B", "C"] {
        vault.set(name, "some value");
    }
    vault.fault("B", Fault::Throttled(1, Some(1)));
    vault.fault("C", Fault::ServerError(2));
    check(&vault, &dir, &[]).expect_code(0);
}

#[test]
fn an_unresponsive_vault_ends_with_the_deadline() {
    let vault = TestVault::start().unwrap();
    vault.latency(Duration::from_secs(60));
    let dir = project("A=\nB=\n");
    let start = Instant::now();
    check(&vault, &dir, &["--timeout", "1s"]).expect_code(3).expect_stdout("answered before the deadline");
    let took = start.elapsed();
    assert!((Duration::from_millis(1000)..Duration::from_millis(1400)).contains(&took), "{took:?}");
}

#[test]
fn connections_that_cannot_be_trusted_are_refused() {
    let vault = TestVault::start().unwrap();
    let dir = project("A=\n");
    let command =
        || dir.cofferdam().args(["env-check", "-e", "production"]).env("COFFERDAM_ACCESS_TOKEN", "x");
    let url = vault.url();
    command().args(["--vault-url", &url]).run().expect_code(3).expect_stdout("authority is not trusted");
    let other = TestVault::start_for(&["vault.example"]).unwrap();
    let ca = other.ca_file();
    let outcome = command().args(["--vault-url", &other.url(), "--ca-file"]).args([&ca]).run();
    outcome.expect_code(3).expect_stdout("certificate for another host");
    let outcome = command().args(["--vault-url", "https://localhost:1"]).run();
    outcome.expect_code(3).expect_stdout("refuses the connection");
    let outcome = command().args(["--vault-url", "https://no-such-host.invalid"]).run();
    outcome.expect_code(3).expect_stdout("has no address");
    vault.challenge("https://elsewhere.example");
    let outcome = command().args(["--vault-url", &url, "--ca-file"]).args([vault.ca_file()]);
    let outcome = outcome.env("COFFERDAM_SKIP_CHALLENGE_CHECK", "false").run().expect_code(3);
    outcome.expect_stdout("asks for a token of another service");
    command().args(["--vault-url", "http://localhost"]).run().expect_code(2).expect_stderr("an https URL");
}

#[test]
fn every_login_works_and_takes_one_token() {
    let dir = project("A=\nB=\nC=\n");
    for auth in [Auth::Secret, Auth::Github, Auth::ManagedIdentity, Auth::Workload] {
        let vault = TestVault::start().unwrap();
        for name in ["A", "B", "C"] {
            vault.set(name, "some value");
        }
        let command = |more: &[&str]| {
            let command = dir.cofferdam().args(["env-check", "-e", "production"]).args(more);
            let variables = vault.login_variables(auth);
            variables.into_iter().fold(command, |command, (name, value)| command.env(name, value)).run()
        };
        command(&[]).expect_code(0).expect_stderr("login by");
        assert_eq!(vault.tokens_given(), 1, "{auth:?}");
        if auth == Auth::Secret {
            vault.login_fault(7_000_222);
            let outcome =
                command(&[]).expect_code(3).expect_stdout("the client secret has expired (AADSTS7000222)");
            assert!(!outcome.stdout.contains(&vault.token()) && !outcome.stderr.contains(&vault.token()));
        }
    }
    let outcome = dir.cofferdam().args(["env-check", "-e", "production"]).env("PATH", "").run();
    outcome.expect_code(3).expect_stdout("there is nothing to log in with");
}

#[test]
#[cfg(unix)]
fn az_ends_with_the_deadline() {
    use std::os::unix::fs::PermissionsExt as _;
    let vault = TestVault::start().unwrap();
    let dir = project("A=\n");
    let pid = dir.path().join("pid");
    let script = format!("#!/bin/sh\nsleep 60 &\necho $! > {}\nwait\n", pid.display());
    let az = dir.write("bin/az", script);
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", az.parent().unwrap().display());
    let command =
        dir.cofferdam().args(["env-check", "-e", "production", "--timeout", "1s"]).env("PATH", path);
    let command = command.env("COFFERDAM_VAULT_URL", vault.url()).env("COFFERDAM_CA_FILE", vault.ca_file());
    command.run().expect_code(3).expect_stdout("its login (cli)");
    let id = dir.read("pid");
    // A killed process is gone a little later than the signal.
    let runs = || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
        !state.is_empty() && !state.contains(" Z ")
    };
    let patience = Instant::now() + Duration::from_secs(10);
    while runs() {
        assert!(Instant::now() < patience, "az's child {id} still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn references_versions_fields_and_prefixes() {
    let vault = TestVault::start().unwrap();
    let old = vault.set("app-PINNED", "the old one");
    vault.set("app-PINNED", "the new one");
    vault.set("BUNDLE", r#"{"db": {"user": "ada"}, "n": 5}"#);
    vault.set("app-ENCODED", "aGVsbG8gdGhlcmU=");
    let dir = Dir::new();
    let source = "{ keyvault = \"ours\", prefix = \"app-\" }";
    dir.write(
        "cofferdam.toml",
        format!(
            "[environments.production]\nsources = [{source}]\n[secrets.PINNED]\nversion = \"{old}\"\n\
         [secrets.ENCODED]\nbase64 = true\n"
        ),
    );
    dir.write(
        ".env.production",
        "PINNED=\nENCODED=\nUSER_NAME=ref+azurekeyvault://ours/BUNDLE#/db/user\n\
        N=@Microsoft.KeyVault(VaultName=ours;SecretName=BUNDLE)\n",
    );
    let outcome =
        against(&vault, &dir).args(["export", "-e", "production", "--format", "json", "--stdout"]).run();
    let values: serde_json::Value = serde_json::from_str(&outcome.expect_code(0).stdout).unwrap();
    assert_eq!(values["PINNED"], "the old one");
    assert_eq!(values["ENCODED"], "hello there");
    assert_eq!(values["USER_NAME"], "ada");
    assert!(values["N"].as_str().unwrap().contains("\"n\": 5"));
}

#[test]
fn the_first_source_wins_and_empty_is_missing() {
    let dir = Dir::new();
    dir.write("cofferdam.toml", MANIFEST);
    dir.write(".env.development", "A=\nB=\nPORT=3000\n");
    dir.write(".env.local", "A=from the file\nB=\n");
    let outcome =
        dir.cofferdam().args(["env-check", "-e", "development"]).env("B", "").env("PORT", "1").run();
    let outcome = outcome.expect_code(1).expect_stdout("it is empty in process and dotenv:.env.local");
    outcome.expect_stdout(".env.development:2");
    let outcome = dir.cofferdam().args(["export", "-e", "development", "--format", "dotenv", "--stdout"]);
    let outcome = outcome.env("A", "from the process").env("B", "b").env("PORT", "1").run().expect_code(0);
    assert_eq!(outcome.stdout, "A='from the process'\nB=b\nPORT=1\n");
}

#[test]
fn a_vault_that_stands_first_wins_and_may_be_followed() {
    let vault = TestVault::start().unwrap();
    vault.set("A", "from the vault");
    let dir = project("A=\nB=\n");
    let manifest = "[environments.production]\nsources = [\"keyvault://ours\", \"process\"]\n";
    dir.write("cofferdam.toml", manifest);
    let export = against(&vault, &dir).args(["export", "-e", "production", "--format", "dotenv", "--stdout"]);
    let outcome = export.env("A", "from the process").env("B", "b").run().expect_code(0);
    assert_eq!(outcome.stdout, "A='from the vault'\nB=b\n");
}

#[test]
fn a_name_that_no_vault_can_hold_is_not_asked_for() {
    let vault = TestVault::start().unwrap();
    let dir = Dir::new();
    dir.write(".env.production", "A.B=\n");
    check(&vault, &dir, &[]).expect_code(1).expect_stdout("no vault can hold the name `A.B`");
    assert_eq!(vault.requests(), Vec::<String>::new());
}

#[test]
fn variables_set_to_nothing_say_nothing() {
    let dir = Dir::new();
    dir.write(".env.only", "A=1\n");
    for arguments in [&["env-check"][..], &["run", "--", "true"]] {
        let command = dir.cofferdam().args(arguments).env("COFFERDAM_ENV", "").env("COFFERDAM_CONFIG", "");
        command.env("COFFERDAM_TIMEOUT", "").run().expect_code(0);
    }
}

#[test]
fn nothing_is_exported_where_nothing_can_be_masked() {
    let dir = Dir::new();
    dir.write(".env.only", "A=\n");
    let env = dir.write("github_env", "");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command.current_dir(dir.path()).args(["export", "-e", "only", "--format", "github"]);
    command.env("A", "some value").env("GITHUB_ENV", env).env_remove("COFFERDAM_VAULT_URL");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.stdout(writer).stderr(std::process::Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(2));
    assert_eq!(dir.read("github_env"), "");
}

#[test]
fn reports_are_what_they_claim_to_be() {
    let dir = Dir::new();
    dir.write(".env.staging", "A=\n# int\nB=\n");
    let run = |format: &str| {
        let command = dir.cofferdam().args(["env-check", "-e", "staging", "--format", format]);
        command.env("B", "canary").env("GITHUB_STEP_SUMMARY", dir.path().join("summary")).run().expect_code(1)
    };
    let sarif: serde_json::Value = serde_json::from_str(&run("sarif").stdout).unwrap();
    let result = &sarif["runs"][0]["results"][1];
    assert_eq!(result["ruleId"], "wrong-type");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 3);
    let junit = run("junit");
    junit.expect_stdout("<testsuite name=\"staging\" tests=\"2\" failures=\"2\" errors=\"0\" skipped=\"0\">");
    run("github")
        .expect_stdout("::error file=.env.staging,line=1,title=A (staging)%3A missing::none of its sources");
    assert!(dir.read("summary").contains("| `B` | wrong type |"));
    run("table").expect_stdout("error: B (staging): wrong type: its value is not a whole number");
}

#[test]
fn all_environments_are_compared() {
    let vault = TestVault::start().unwrap();
    vault.set("SHARED", &token(3, BASE62, 30));
    let dir = Dir::new();
    dir.write(
        "cofferdam.toml",
        "[environments.staging]\nsources = [\"keyvault://ours-a\"]\n\
        [environments.production]\nsources = [\"keyvault://ours-b\"]\n[secrets.SHARED]\nunique = true\n",
    );
    dir.write(".env.staging", "SHARED=\nONLY=x\n");
    dir.write(".env.production", "SHARED=\n");
    let outcome = against(&vault, &dir).args(["env-check", "--all"]).run();
    outcome.expect_code(1).expect_stdout("its value is the same in production");
    let outcome = against(&vault, &dir).args(["env-diff", "staging", "production"]).run().expect_code(1);
    outcome.expect_stdout("ONLY    declared: staging yes, production no").expect_stdout("SHARED  value:");
    dir.cofferdam().args(["env-check", "--all", "--offline"]).run().expect_code(0).expect_stdout("not asked");
}

#[test]
fn declarations_that_are_wrong_are_told_at_once() {
    let dir = project("A=\n");
    dir.write("cofferdam.toml", "[environments.production]\nsource = []\n[secrets.A]\ntyp = \"url\"\n");
    let outcome = dir.cofferdam().args(["env-check", "-e", "production"]).run().expect_code(2);
    let outcome = outcome.expect_stderr("cofferdam.toml:2:1: unknown key `source`; did you mean `sources`?");
    outcome.expect_stderr("cofferdam.toml:4:1: unknown key `typ`; did you mean `type`?");
    dir.write("cofferdam.toml", MANIFEST);
    dir.cofferdam().args(["env-check", "-e", "prodution"]).run().expect_code(2).expect_stderr("production");
    dir.cofferdam().args(["env-check"]).run().expect_code(2).expect_stderr("one of development, production");
}

#[test]
fn init_writes_a_manifest_that_env_check_reads() {
    let dir = Dir::new();
    dir.write(".env.development", "DATABASE_URL=\n");
    dir.write(".env.production", "DATABASE_URL=\nOPENAI_API_KEY=\nPORT=3000\n");
    dir.write("cofferdam.toml", "title = \"the scanner's\"\n");
    dir.cofferdam().args(["env", "init", "--vault", "ours-{env}"]).run().expect_code(0);
    let text = dir.read("cofferdam.toml");
    assert!(text.starts_with("title = \"the scanner's\"\n\n[environments.development]"), "{text}");
    assert!(text.contains("\"keyvault://ours-production\""), "{text}");
    let outcome = dir.cofferdam().args(["env-check", "--all", "--offline"]).run();
    outcome.expect_code(1).expect_stdout("development (.env.development)");
    dir.cofferdam().args(["env", "init"]).run().expect_code(2).expect_stderr("already declares");
}
