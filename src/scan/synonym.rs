//! gitleaks' names for what the built-in rules find under names of their own, so that what its users
//! have written about its default rules (changed rules, allowlists, ignore files) keeps its meaning.
//!
//! Names that both use alike are not here.

/// A name of gitleaks' default rules, and ours for it, in order; none where there is no such rule.
const NAMES: [(&str, &[&str]); 151] = [
    ("1password-secret-key", &["onepassword-secret-key"]),
    ("1password-service-account-token", &["onepassword-service-account-token"]),
    ("adafruit-api-key", &["adafruit-io-key"]),
    ("adobe-client-id", &[]),
    ("airtable-personnal-access-token", &["airtable-pat"]),
    ("alibaba-secret-key", &["alibaba-access-key-secret", "alibaba-secret-near-id"]),
    ("anthropic-admin-api-key", &["anthropic-admin-key"]),
    ("asana-client-id", &[]),
    ("authress-service-client-access-key", &["authress-access-key"]),
    ("aws-access-token", &["aws-access-key-id"]),
    ("aws-amazon-bedrock-api-key-long-lived", &["aws-bedrock-api-key"]),
    ("aws-amazon-bedrock-api-key-short-lived", &["aws-bedrock-api-key-short"]),
    ("azure-ad-client-secret", &["azure-entra-client-secret", "azure-entra-client-secret-old"]),
    ("beamer-api-token", &["beamer-api-key"]),
    ("bitbucket-client-id", &[]),
    ("bittrex-access-key", &[]),
    ("bittrex-secret-key", &[]),
    ("cisco-meraki-api-key", &["meraki-api-key"]),
    ("clickhouse-cloud-api-secret-key", &["clickhouse-cloud-secret"]),
    ("clojars-api-token", &["clojars-deploy-token"]),
    (
        "cloudflare-api-key",
        &["cloudflare-account-token", "cloudflare-api-token-old", "cloudflare-user-token"],
    ),
    ("cloudflare-global-api-key", &["cloudflare-global-key", "cloudflare-global-key-old"]),
    ("codecov-access-token", &["codecov-upload-token"]),
    ("cohere-api-token", &["cohere-api-key"]),
    ("coinbase-access-token", &["coinbase-api-secret", "coinbase-cdp-key"]),
    ("confluent-access-token", &["confluent-api-secret", "confluent-api-secret-old"]),
    ("confluent-secret-key", &["confluent-api-secret", "confluent-api-secret-old"]),
    ("contentful-delivery-api-token", &["contentful-delivery-token"]),
    ("curl-auth-header", &["generic-bearer-token", "http-basic-auth"]),
    ("curl-auth-user", &["curl-user-password"]),
    ("databricks-api-token", &["databricks-token"]),
    ("datadog-access-token", &["datadog-api-key", "datadog-app-key", "datadog-prefixed-key"]),
    ("defined-networking-api-token", &["definednetworking-api-key"]),
    ("digitalocean-access-token", &["digitalocean-oauth-token"]),
    ("discord-api-token", &["discord-bot-token", "discord-mfa-token"]),
    ("discord-client-id", &[]),
    (
        "doppler-api-token",
        &[
            "doppler-cli-token",
            "doppler-personal-token",
            "doppler-service-account-token",
            "doppler-service-token",
        ],
    ),
    ("droneci-access-token", &["droneci-token"]),
    ("dropbox-api-token", &["dropbox-access-token", "dropbox-access-token-old", "dropbox-app-secret"]),
    ("dropbox-long-lived-api-token", &["dropbox-access-token-old"]),
    ("dropbox-short-lived-api-token", &["dropbox-access-token"]),
    ("duffel-api-token", &["duffel-live-token", "duffel-test-token"]),
    ("easypost-api-token", &["easypost-api-key"]),
    ("easypost-test-api-token", &["easypost-test-key"]),
    ("etsy-access-token", &["etsy-api-key"]),
    ("facebook-page-access-token", &["facebook-access-token"]),
    ("facebook-secret", &["facebook-app-secret"]),
    ("finicity-api-token", &[]),
    ("finicity-client-secret", &["finicity-secret"]),
    ("finnhub-access-token", &["finnhub-api-key"]),
    ("flickr-access-token", &["flickr-api-key", "flickr-api-secret"]),
    ("flutterwave-encryption-key", &[]),
    ("flutterwave-public-key", &[]),
    ("flyio-access-token", &["flyio-token", "flyio-token-old"]),
    ("frameio-api-token", &["frameio-token"]),
    ("generic-api-key", &["generic-secret"]),
    ("github-app-token", &["github-app-installation-token", "github-app-user-token"]),
    ("github-oauth", &["github-oauth-token"]),
    ("gitlab-cicd-job-token", &["gitlab-ci-job-token"]),
    ("gitlab-feature-flag-client-token", &["gitlab-feature-flag-token"]),
    ("gitlab-kubernetes-agent-token", &["gitlab-agent-token"]),
    ("gitlab-oauth-app-secret", &["gitlab-oauth-secret"]),
    ("gitlab-pat-routable", &["gitlab-pat"]),
    ("gitlab-ptt", &["gitlab-trigger-token"]),
    ("gitlab-rrt", &["gitlab-runner-registration-token"]),
    ("gitlab-runner-authentication-token", &["gitlab-runner-token", "gitlab-runner-token-registered"]),
    (
        "gitlab-runner-authentication-token-routable",
        &["gitlab-runner-token", "gitlab-runner-token-registered"],
    ),
    ("gitlab-session-cookie", &["gitlab-session"]),
    ("gocardless-api-token", &["gocardless-live-token", "gocardless-sandbox-token"]),
    ("grafana-cloud-api-token", &["grafana-cloud-token"]),
    ("harness-api-key", &["harness-token"]),
    ("hashicorp-tf-api-token", &["terraform-cloud-token"]),
    ("hashicorp-tf-password", &[]),
    ("heroku-api-key-v2", &["heroku-api-key"]),
    ("huggingface-access-token", &["huggingface-token"]),
    ("huggingface-organization-api-token", &["huggingface-org-token"]),
    ("infracost-api-token", &["infracost-api-key"]),
    ("intercom-api-key", &["intercom-access-token"]),
    ("jfrog-api-key", &["artifactory-api-key"]),
    ("jfrog-identity-token", &["artifactory-reference-token"]),
    ("jwt-base64", &["jwt"]),
    ("kraken-access-token", &["kraken-api-key", "kraken-private-key"]),
    ("kubernetes-secret-yaml", &["kubernetes-secret-data"]),
    ("kucoin-access-token", &["kucoin-api-key"]),
    ("kucoin-secret-key", &["kucoin-api-secret"]),
    ("launchdarkly-access-token", &["launchdarkly-api-token", "launchdarkly-sdk-key"]),
    ("linkedin-client-id", &[]),
    ("lob-api-key", &["lob-live-key", "lob-test-key"]),
    ("lob-pub-api-key", &[]),
    ("looker-client-id", &[]),
    ("mailgun-private-api-token", &["mailgun-api-key", "mailgun-private-key"]),
    ("mailgun-pub-key", &[]),
    ("mapbox-api-token", &["mapbox-secret-token"]),
    ("mattermost-access-token", &["mattermost-token"]),
    ("messagebird-api-token", &["messagebird-api-key"]),
    ("messagebird-client-id", &[]),
    ("netlify-access-token", &["netlify-other-token", "netlify-pat", "netlify-token-old"]),
    ("new-relic-browser-api-token", &["newrelic-browser-key"]),
    ("new-relic-insert-key", &["newrelic-insert-key"]),
    ("new-relic-user-api-id", &[]),
    ("new-relic-user-api-key", &["newrelic-user-key"]),
    ("notion-api-token", &["notion-integration-token", "notion-integration-token-old"]),
    ("nytimes-access-token", &["nytimes-api-key"]),
    ("octopus-deploy-api-key", &["octopus-api-key"]),
    ("okta-access-token", &["okta-api-token"]),
    ("openshift-user-token", &["openshift-token"]),
    ("pkcs12-file", &["keystore-file"]),
    ("plaid-api-token", &["plaid-access-token", "plaid-sandbox-token"]),
    ("plaid-client-id", &[]),
    ("plaid-secret-key", &["plaid-secret"]),
    ("planetscale-api-token", &["planetscale-service-token"]),
    ("planetscale-password", &["planetscale-database-password"]),
    ("postman-api-token", &["postman-api-key"]),
    ("prefect-api-token", &["prefect-api-key"]),
    ("privateai-api-token", &["privateai-api-key"]),
    ("pulumi-api-token", &["pulumi-access-token"]),
    ("rapidapi-access-token", &["rapidapi-key"]),
    ("readme-api-token", &["readme-api-key"]),
    ("rubygems-api-token", &["rubygems-api-key"]),
    ("sendbird-access-id", &[]),
    ("sendbird-access-token", &["sendbird-api-token"]),
    ("sendgrid-api-token", &["sendgrid-api-key"]),
    ("sendinblue-api-token", &["brevo-api-key", "brevo-smtp-key"]),
    ("sentry-access-token", &["sentry-token-old"]),
    ("settlemint-application-access-token", &["settlemint-token"]),
    ("settlemint-personal-access-token", &["settlemint-token"]),
    ("settlemint-service-access-token", &["settlemint-token"]),
    ("shippo-api-token", &["shippo-live-token", "shippo-test-token"]),
    ("shopify-custom-access-token", &["shopify-custom-app-access-token"]),
    ("shopify-private-app-access-token", &["shopify-private-app-password"]),
    ("shopify-shared-secret", &["shopify-app-shared-secret"]),
    ("sidekiq-secret", &["sidekiq-gem-login"]),
    ("sidekiq-sensitive-url", &["sidekiq-gem-url"]),
    ("slack-config-access-token", &["slack-rotating-token"]),
    ("slack-config-refresh-token", &["slack-rotating-token"]),
    ("slack-legacy-bot-token", &["slack-bot-token"]),
    ("slack-legacy-workspace-token", &["slack-legacy-token"]),
    ("slack-webhook-url", &["slack-webhook", "slack-workflow-webhook"]),
    ("sonar-api-token", &["sonar-token", "sonar-token-old"]),
    ("squarespace-access-token", &["squarespace-api-key"]),
    ("stripe-access-token", &["stripe-restricted-key", "stripe-secret-key", "stripe-test-key"]),
    ("sumologic-access-id", &[]),
    ("sumologic-access-token", &["sumologic-access-key"]),
    ("telegram-bot-api-token", &["telegram-bot-token"]),
    ("travisci-access-token", &["travisci-token"]),
    ("twilio-api-key", &["twilio-api-key-sid"]),
    ("twitch-api-token", &["twitch-irc-token", "twitch-secret"]),
    ("typeform-api-token", &["typeform-pat"]),
    ("yandex-access-token", &["yandex-iam-token"]),
    ("yandex-aws-access-token", &["yandex-aws-secret"]),
    ("zendesk-secret-key", &["zendesk-api-token"]),
];

/// Our names for a default rule of gitleaks'; none where it has no rule of that name, or we have the same.
pub fn ours(name: &str) -> Option<&'static [&'static str]> {
    NAMES.binary_search_by_key(&name, |(theirs, _)| theirs).ok().map(|at| NAMES[at].1)
}

/// The rules among those that are there which `name` means: the one of that name, else ours for it.
pub fn meant(name: &str, is_there: impl Fn(&str) -> bool) -> Vec<&str> {
    if is_there(name) {
        return vec![name];
    }
    ours(name).unwrap_or_default().iter().copied().filter(|ours| is_there(ours)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::builtin;

    #[test]
    fn every_name_leads_to_rules_that_are_there() {
        let rules = builtin::ruleset().rules;
        let is_there = |name: &str| rules.iter().any(|rule| rule.id == name);
        assert!(NAMES.is_sorted_by(|(one, _), (other, _)| one < other));
        for (theirs, ours) in NAMES {
            assert!(!is_there(theirs), "{theirs}: this name is ours too");
            assert_eq!(meant(theirs, is_there), ours, "{theirs}");
        }
        assert_eq!(meant("jwt", is_there), ["jwt"]);
        assert!(ours("no-such-rule").is_none());
    }
}
