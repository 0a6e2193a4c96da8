//! Reading configurations: what holds, what extends what, what every error says, and gitleaks' own
//! default configuration as a whole.

use crate::harness::Dir;
use cofferdam::config::{Config, ConfigError, ConfigSource, Flavour};
use cofferdam::files::Disk;
use cofferdam::scan::allowlist::{Candidate, CompiledAllowlist, Joining};
use cofferdam::scan::rule::{Allowlist, RegexTarget, Rule, Ruleset, Severity};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

fn builtin() -> Ruleset {
    let rule = |id: &str| Rule {
        id: id.to_owned(),
        description: "built in".to_owned(),
        regex: Some("b=(x)".to_owned()),
        entropy: 3.0,
        keywords: vec!["b".to_owned()],
        ..Rule::default()
    };
    let list = Allowlist { stopwords: vec!["builtin".to_owned()], ..Allowlist::default() };
    Ruleset { rules: vec![rule("base-one"), rule("base-two")], allowlists: vec![list] }
}

fn read(flavour: Flavour, text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("x.toml"), flavour, &Disk, &builtin)
}

fn theirs(text: &str) -> Config {
    read(Flavour::Gitleaks, text).unwrap()
}

#[track_caller]
fn refused(flavour: Flavour, text: &str, words: &str) {
    let error = read(flavour, text).unwrap_err().to_string();
    assert!(error.starts_with(words), "{error}\nis not\n{words}");
}

fn rule<'c>(config: &'c Config, id: &str) -> &'c Rule {
    config.ruleset.rules.iter().find(|rule| rule.id == id).unwrap()
}

fn ids(config: &Config) -> Vec<&str> {
    config.ruleset.rules.iter().map(|rule| rule.id.as_str()).collect()
}

#[test]
fn every_key_is_read() {
    let config = read(
        Flavour::Cofferdam,
        r#"
title = "t"
[environments.production]
sources = ["process"]
[secrets.KEY]
starts_with = "x"
[[rules]]
id = "one"
description = "d"
regex = '''a{b}(c)'''
path = '''\.env$'''
secretGroup = 1
entropy = 3
keywords = ["K"]
tags = ["t"]
skipReport = true
severity = "critical"
remediation = "rotate"
examples = ["e"]
negative_examples = ["n"]
[[rules.allowlists]]
description = "why"
condition = "and"
commits = [" ABC "]
paths = ["p"]
regexTarget = "line"
regexes = ["r"]
stopwords = ["s"]
[[rules.required]]
id = "two"
withinLines = 2
withinColumns = 3
[[rules]]
id = "two"
regex = "x"
[[allowlists]]
paths = ["q"]
"#,
    )
    .unwrap();
    assert!(!config.builtin_rules && config.warnings.is_empty());
    assert_eq!(ids(&config), ["one", "two"]);
    let one = rule(&config, "one");
    assert_eq!(one.regex.as_deref(), Some(r"a\{b\}(c)"));
    assert_eq!((one.secret_group, one.entropy, one.skip_report), (1, 3.0, true));
    assert_eq!((one.severity, one.remediation.as_str()), (Severity::Critical, "rotate"));
    assert_eq!((&one.examples[..], &one.negative_examples[..]), (&["e".into()][..], &["n".into()][..]));
    let list = &one.allowlists[0];
    assert_eq!((list.all, list.regex_target, list.commits[0].as_str()), (true, RegexTarget::Line, "abc"));
    assert_eq!((one.required[0].within_lines, one.required[0].within_columns), (Some(2), Some(3)));
    assert_eq!(config.ruleset.allowlists[0].paths, ["q"]);
}

#[test]
fn without_rules_ours_means_the_built_in_ones() {
    let config = read(Flavour::Cofferdam, "[secrets.A]\n[[allowlists]]\npaths = ['x']").unwrap();
    assert!(config.builtin_rules);
    assert_eq!(ids(&config), ["base-one", "base-two"]);
    assert_eq!(config.ruleset.allowlists.len(), 2);
    let some = "[[allowlists]]\npaths = ['x']\ntargetRules = ['base-one']";
    assert!(!read(Flavour::Cofferdam, some).unwrap().builtin_rules, "that changes a rule");
    let none = theirs("[allowlist]\npaths = ['x']");
    assert!(none.ruleset.rules.is_empty() && none.warnings[0].message.contains("useDefault"));
}

#[test]
fn unknown_keys() {
    let text = "[[rules]]\nid = 'a'\nRegex = 'x'\nkeyword = ['x']\n";
    refused(Flavour::Cofferdam, text, "x.toml:3:1: unknown key `Regex`; did you mean `regex`?");
    let config = theirs(text);
    assert_eq!(rule(&config, "a").regex.as_deref(), Some("x"));
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["x.toml:4:1: unknown key `keyword` is ignored; did you mean `keywords`?"]);
    refused(Flavour::Cofferdam, "zzz = 1", "x.toml:1:1: unknown key `zzz`; remove it");
}

#[test]
fn errors_say_where_and_what_to_do() {
    let flavour = Flavour::Gitleaks;
    refused(flavour, "a = \n", "x.toml:1:5: ");
    refused(flavour, "[[rules]]\nregex = 'x'", "x.toml:1:1: a rule has no `id`");
    refused(flavour, "[[rules]]\nid = 'a'", "x.toml:1:1: rule `a` has neither `regex` nor `path`");
    refused(
        flavour,
        "[[rules]]\nid = 'a'\nregex = 'é('",
        "x.toml:3:9: rule `a`: the regular expression is not valid: unclosed group",
    );
    refused(
        flavour,
        "[[rules]]\nid = 'a'\nregex = '(x)'\nsecretGroup = 2",
        "x.toml:4:15: rule `a`: secretGroup is 2, but the regex has 1",
    );
    refused(
        flavour,
        "[[rules]]\nid = 'a'\nregex = 'x'\n[[rules]]\nid = 'a'\nregex = 'y'",
        "x.toml:4:1: rule `a` stands a second time (first in line 1)",
    );
    refused(flavour, "[allowlist]\ndescription = 'x'", "x.toml:1:1: the allowlist has no criterion");
    refused(flavour, "[allowlist]\npaths=['(']", "x.toml:2:8: allowlist: the regular expression");
    refused(
        flavour,
        "[[rules]]\nid = 'a'\nregex = 'x'\nentropy = 'high'",
        "x.toml:4:11: `entropy` is of type string; it must be a number from 0",
    );
    refused(
        flavour,
        "[[rules]]\nid = 'a'\nregex = 'x'\nsecretGroup = -1",
        "x.toml:4:15: `secretGroup` is -1; it must be a whole number",
    );
    refused(
        flavour,
        "[extend]\nuseDefault = true\n[[allowlists]]\npaths=['x']\ntargetRules = ['base-on']",
        "x.toml:5:16: there is no rule `base-on`; did you mean `base-one`?",
    );
    refused(flavour, "[extend]\nuseDefault=true\npath='y'", "x.toml:1:1: `extend` has both");
}

#[test]
fn both_forms_of_allowlist_together_are_refused() {
    let both = "[allowlist]\npaths=['x']\n[[allowlists]]\npaths=['y']";
    refused(Flavour::Gitleaks, both, "x.toml:1:1: `allowlist` and `allowlists` stand together");
    let both =
        "[[rules]]\nid='a'\nregex='x'\n[rules.allowlist]\npaths=['x']\n[[rules.allowlists]]\npaths=['y']";
    refused(Flavour::Gitleaks, both, "x.toml:4:1: `allowlist` and `allowlists` stand together");
}

#[test]
fn a_child_adds_and_changes() {
    let config = theirs(
        "[extend]\nuseDefault = true\ndisabledRules = ['base-two', 'nope']\n\
         [[rules]]\nid = 'base-one'\ndescription = 'mine'\nkeywords = ['k']\ntags = ['t']\n\
         entropy = 0\nskipReport = true\n\
         [[rules.required]]\nid = 'aa'\n\
         [[rules]]\nid = 'aa'\nregex = 'x'\n\
         [[rules.required]]\nid = 'base-one'\n",
    );
    assert_eq!(ids(&config), ["aa", "base-one"], "sorted");
    let one = rule(&config, "base-one");
    assert_eq!(one.regex.as_deref(), Some("b=(x)"));
    assert_eq!((one.description.as_str(), one.entropy, one.skip_report), ("mine", 0.0, true));
    assert_eq!((&one.keywords[..], &one.tags[..]), (&["b".into(), "k".into()][..], &["t".into()][..]));
    assert_eq!(one.required[0].id, "aa");
    assert_eq!(rule(&config, "aa").required[0].id, "base-one", "a child may require a base rule");
    assert_eq!(config.warnings.len(), 1);
    assert!(
        config.warnings[0].to_string().starts_with("x.toml:3:30: disabledRules: there is no rule `nope`")
    );
    refused(
        Flavour::Gitleaks,
        "[[rules]]\nid = 'a'\nregex = 'x'\n[[rules.required]]\nid = 'gone'",
        "x.toml:5:6: there is no rule `gone`",
    );
}

/// What gitleaks' users have written about its default rules holds for ours that find the same.
#[test]
fn names_of_gitleaks_default_rules_mean_ours() {
    let read = |text: &str| {
        let text = format!("[extend]\nuseDefault = true\n{text}");
        Config::parse(
            &text,
            Path::new("x.toml"),
            Flavour::Gitleaks,
            &cofferdam::files::Disk,
            &cofferdam::scan::builtin::ruleset,
        )
    };
    let plain = read("").unwrap();
    let config = read(
        "disabledRules = ['stripe-access-token', 'plaid-client-id']\n\
         [[rules]]\nid = 'generic-api-key'\nentropy = 4.5\nkeywords = ['k']\nsecretGroup = 9\n\
         [[rules.allowlists]]\nregexes = ['one']\n\
         [[rules]]\nid = 'github-pat'\nkeywords = ['k']\n\
         [[rules]]\nid = 'bittrex-access-key'\nentropy = 3.0\n\
         [[allowlists]]\ntargetRules = ['generic-api-key', 'github-app-token', 'lob-pub-api-key']\npaths = ['two']\n",
    )
    .unwrap();
    let (before, generic) = (rule(&plain, "generic-secret"), rule(&config, "generic-secret"));
    assert_eq!((generic.entropy, &generic.regex), (4.5, &before.regex));
    assert_eq!((generic.secret_group, &generic.keywords), (before.secret_group, &before.keywords));
    let added = &generic.allowlists[before.allowlists.len()..];
    assert_eq!((added[0].regexes[0].as_str(), added[1].paths[0].as_str()), ("one", "two"));
    for name in ["github-app-user-token", "github-app-installation-token"] {
        assert_eq!(rule(&config, name).allowlists.last().unwrap().paths, ["two"], "{name}");
    }
    assert_eq!(
        rule(&config, "github-pat").keywords,
        rule(&plain, "github-pat").keywords,
        "they would narrow it"
    );
    assert!(!ids(&config).contains(&"stripe-secret-key") && ids(&plain).contains(&"stripe-secret-key"));
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains(":14:1: gitleaks' rule `bittrex-access-key` has no counterpart"),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("`lob-pub-api-key` has no counterpart"), "{warnings:?}");
    let error = read("[[rules]]\nid = 'no-such-rule'\nentropy = 3.0\n").unwrap_err();
    assert!(matches!(error, ConfigError::NothingToFind { .. }), "{error}");
}

#[test]
fn extended_files_are_looked_for_beside_the_child() {
    let dir = Dir::new();
    dir.write(
        "sub/base.toml",
        "[[rules]]\nid='a'\nregex='x'\n[[rules]]\nid='b'\nregex='y'\n\
         [[allowlists]]\npaths=['p']\ntargetRules=['a']\n[[allowlists]]\npaths=['q']\n",
    );
    let child = dir.write("sub/.gitleaks.toml", "[extend]\npath='base.toml'\n[[allowlists]]\npaths=['r']\n");
    let config = Config::read(&child, Flavour::Gitleaks, &Disk, &builtin).unwrap();
    assert_eq!(rule(&config, "a").allowlists[0].paths, ["p"], "the base's targetRules hold");
    assert!(rule(&config, "b").allowlists.is_empty());
    assert_eq!(config.ruleset.allowlists.len(), 2);

    let lost = dir.write("lost.toml", "[extend]\npath='none.toml'\n");
    let error = Config::read(&lost, Flavour::Gitleaks, &Disk, &builtin).unwrap_err().to_string();
    assert!(error.contains("lost.toml:2:6: the extended file is not there; looked at "), "{error}");
    let circle = dir.write("circle.toml", "[extend]\npath='circle.toml'\n");
    let error = Config::read(&circle, Flavour::Gitleaks, &Disk, &builtin).unwrap_err();
    assert!(matches!(error, ConfigError::ExtendTooDeep { .. }), "{error}");
}

#[test]
fn finds_the_configuration_in_order() {
    let dir = Dir::new();
    let file = |name: &str| dir.write(name, format!("[[rules]]\nid = '{name}'\nregex = 'x'"));
    let content = "[[rules]]\nid = 'content'\nregex = 'x'";
    let find = |explicit: Option<&Path>, target: &Path, variables: &[(&str, OsString)]| {
        let env = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let config = Config::find(explicit, target, &Disk, &env, &builtin).unwrap();
        (config.ruleset.rules[0].id.clone(), config.source, config.flavour, config.warnings.len())
    };
    let target = dir.path().join("target");
    std::fs::create_dir(&target).unwrap();
    let none = find(None, &target, &[("GITLEAKS_CONFIG", OsString::new())]);
    assert_eq!(none, ("base-one".to_owned(), ConfigSource::Builtin, Flavour::Cofferdam, 0));
    let theirs = file("target/.gitleaks.toml");
    let found = find(None, &target, &[]);
    assert_eq!((found.1, found.2), (ConfigSource::File(theirs.clone()), Flavour::Gitleaks));
    assert_eq!(find(None, &theirs, &[]).1, ConfigSource::Builtin, "a file's neighbour does not count");
    dir.write("target/cofferdam.toml", "[environments.production]\nsources = ['process']\n");
    assert_eq!(find(None, &target, &[]).1, ConfigSource::File(theirs), "ours is about environments alone");
    let ours = file("target/cofferdam.toml");
    let found = find(None, &target, &[]);
    assert_eq!((found.1, found.2, found.3), (ConfigSource::File(ours), Flavour::Cofferdam, 1));
    let mut variables = vec![("GITLEAKS_CONFIG_TOML", OsString::from(content))];
    assert_eq!(find(None, &target, &variables).1, ConfigSource::Env);
    for (variable, name, flavour) in
        [("GITLEAKS_CONFIG", "g.toml", Flavour::Gitleaks), ("COFFERDAM_CONFIG", "c.toml", Flavour::Cofferdam)]
    {
        let path = file(name);
        variables.push((variable, path.clone().into()));
        let found = find(None, &target, &variables);
        assert_eq!((found.1, found.2), (ConfigSource::File(path), flavour));
    }
    let explicit = file("e.toml");
    assert_eq!(find(Some(&explicit), &target, &variables).0, "e.toml");
    let missing = Config::find(Some(&dir.path().join("no.toml")), &target, &Disk, &|_| None, &builtin);
    assert!(matches!(missing, Err(ConfigError::Unreadable { .. })));
}

#[test]
fn the_default_configuration_of_gitleaks_loads_and_compiles() {
    let path = std::env::var_os("COFFERDAM_GITLEAKS_TOML").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/gitleaks.toml"),
        PathBuf::from,
    );
    if !path.is_file() {
        eprintln!("skipped: {} is not there; COFFERDAM_GITLEAKS_TOML may name it", path.display());
        return;
    }
    let config = Config::read(&path, Flavour::Gitleaks, &Disk, &builtin).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let patterns: Vec<&String> = config
        .ruleset
        .rules
        .iter()
        .flat_map(|rule| {
            let lists = rule.allowlists.iter().flat_map(|list| list.paths.iter().chain(&list.regexes));
            rule.regex.iter().chain(&rule.path).chain(lists)
        })
        .chain(config.ruleset.allowlists.iter().flat_map(|list| list.paths.iter().chain(&list.regexes)))
        .collect();
    assert_eq!(patterns.len(), 306);
    let with = |wanted: fn(&Rule) -> bool| config.ruleset.rules.iter().filter(|rule| wanted(rule)).count();
    assert_eq!(with(|rule| rule.entropy > 0.0), 130);
    assert_eq!(with(|rule| rule.path.is_some()), 5);
    assert_eq!(config.ruleset.rules.iter().map(|rule| rule.allowlists.len()).sum::<usize>(), 13);
    assert_eq!(with(|rule| rule.regex.is_none()), 1);
    for pattern in patterns {
        let compiled = regex::bytes::RegexBuilder::new(pattern).unicode(false).build();
        assert!(compiled.is_ok(), "{pattern}: {compiled:?}");
    }
    let generic = rule(&config, "generic-api-key");
    assert_eq!(generic.allowlists[1].stopwords.len(), 1446);

    let lists: Vec<_> = config
        .ruleset
        .allowlists
        .iter()
        .map(|list| CompiledAllowlist::new(list.clone(), Joining::Joined))
        .collect();
    let allowed = |path: &str| lists.iter().any(|list| list.allows_place(&[path], "").unwrap());
    assert!(allowed("a/b.PNG") && allowed("x/node_modules/y.js") && allowed("go.sum"));
    assert!(!allowed("src/main.rs"));
    for list in &lists {
        let candidate =
            Candidate { secret: b"x9", matched: b"", line: &|| b"", paths: &["a.rs"], commit: "" };
        assert!(!list.allows(&candidate).unwrap());
    }
}
