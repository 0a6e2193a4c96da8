//! What a secret says of itself, so that a live one can be told from a sample without asking
//! anybody: checksums, the claims of a JWT, the structure of a private key, the account in an AWS
//! key id, and samples that makers publish. What surrounds a secret is `plausible`'s.

mod der;

use super::checksum;
use super::rule::Rule;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Why something that has the form of a secret is probably none that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Doubt {
    /// Its own checksum is wrong.
    Checksum,
    /// Its maker publishes it as a sample.
    Sample,
    /// It is made to be public.
    Public,
    /// A JWT that nobody signed.
    Unsigned,
    /// A JWT whose time is over.
    Expired,
    /// A hash of a password, not the password.
    PasswordHash,
    /// A UUID: more often a name than a secret.
    Uuid,
    /// What everybody writes where a password must stand.
    Weak,
    /// It stands in a test, an example or documentation.
    Fixture,
    /// The rule itself is not sure.
    Rule,
}

impl Doubt {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Checksum => "its checksum is wrong",
            Self::Sample => "its maker publishes it as a sample",
            Self::Public => "it is made to be public",
            Self::Unsigned => "nobody signed it (algorithm none)",
            Self::Expired => "it has expired",
            Self::PasswordHash => "it is the hash of a password",
            Self::Uuid => "a UUID is more often a name than a secret",
            Self::Weak => "it is what everybody writes where a password must stand",
            Self::Fixture => "it stands in a test, an example or documentation",
            Self::Rule => "the rule is not sure of what it finds",
        }
    }
}

/// What a secret says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Why it is probably none.
    pub(crate) doubt: Option<Doubt>,
    /// It has the form and not the content: true of what is cut short or made up.
    pub(crate) hollow: bool,
    /// Facts for the finding's tags: `rsa-2048`, `encrypted`, `aws-account:123456789012`.
    pub(crate) facts: Vec<String>,
}

/// Weighs a secret that `rule` found; `now` is in seconds since 1970.
pub(crate) fn weigh(rule: &Rule, secret: &[u8], now: i64) -> Evidence {
    if is_sample(secret) {
        return Evidence { doubt: Some(Doubt::Sample), ..Evidence::default() };
    }
    if checksum::refutes(&rule.id, secret) {
        return Evidence { doubt: Some(Doubt::Checksum), ..Evidence::default() };
    }
    let has = |tag: &str| rule.tags.iter().any(|one| one == tag);
    match secret {
        [b'e', b'y', b'J', ..] => claims(secret, now),
        [b'A', b'K' | b'S', b'I', b'A', ..] if secret.len() == 20 => Evidence {
            facts: aws_account(secret)
                .map(|account| format!("aws-account:{account:012}"))
                .into_iter()
                .collect(),
            ..Evidence::default()
        },
        _ if has("privatekey") && rule.id != "age-secret-key" => match der::key_facts(secret) {
            Some(facts) => Evidence { facts, ..Evidence::default() },
            None => Evidence { hollow: true, ..Evidence::default() },
        },
        _ => Evidence::default(),
    }
}

/// The claims of a JSON Web Token (RFC 7519).
fn claims(token: &[u8], now: i64) -> Evidence {
    let mut parts = token.split(|byte| *byte == b'.').map(|part| {
        let json = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<serde_json::Value>(&json).ok().filter(serde_json::Value::is_object)
    });
    let (Some(Some(header)), Some(Some(payload))) = (parts.next(), parts.next()) else {
        return Evidence { hollow: true, ..Evidence::default() };
    };
    let text = |value: &serde_json::Value, key: &str| value[key].as_str().map(str::to_owned);
    let expires = payload["exp"].as_i64();
    let doubt = match () {
        () if text(&header, "alg").is_some_and(|alg| alg.eq_ignore_ascii_case("none")) => {
            Some(Doubt::Unsigned)
        }
        // Supabase gives it to browsers.
        () if text(&payload, "role").as_deref() == Some("anon") => Some(Doubt::Public),
        () if expires.is_some_and(|expires| expires < now) => Some(Doubt::Expired),
        () => None,
    };
    let issuer = text(&payload, "iss").filter(|issuer| issuer.len() <= 100 && issuer.is_ascii());
    let facts = issuer.map(|issuer| format!("jwt-issuer:{issuer}")).into_iter();
    Evidence { doubt, hollow: false, facts: facts.collect() }
}

/// The account that an AWS key id belongs to: 40 of the bits that its base32 digits hold.
fn aws_account(key: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|one| one == byte);
    let bits = key.get(4..14)?.iter().try_fold(0u64, |bits, byte| Some(bits << 5 | digit(byte)? as u64))?;
    // Ten digits are 50 bits, of which the first 48 are six bytes.
    let account = (bits >> 2 & 0x7fff_ffff_ff80) >> 7;
    (account < 1_000_000_000_000).then_some(account)
}

/// SHA-256, the first eight bytes, of secrets that stand in makers' documentation, in emulators and in
/// RFCs. Kept as hashes, so that this file is no finding.
const SAMPLES: &[u64] = &[
    0x0011_cc25_eb43_2071,
    0x00b3_dc64_0c9c_99fc,
    0x00cf_4c78_1dc3_7003,
    0x0209_1175_c1ae_3023,
    0x03b9_70ed_8171_d73b,
    0x1021_ad46_3a16_1d69,
    0x12d8_d9ea_56a1_acfb,
    0x15ce_f4b6_29cc_2d07,
    0x1a5d_44a2_dca1_9669,
    0x1e3e_5865_6012_d861,
    0x2caf_c097_0149_a84f,
    0x2d1f_7723_aabc_5c7a,
    0x2ef2_503d_964e_9668,
    0x3543_c50b_0cb9_cea8,
    0x3eb1_bd43_9947_eb76,
    0x507e_2ce3_c522_082b,
    0x53f5_da0a_aa93_d64c,
    0x549c_9390_539e_fcfa,
    0x5785_9218_5588_730b,
    0x5aac_38e5_42b7_6b97,
    0x60a0_9e43_5786_8c1e,
    0x647f_7143_af14_7062,
    0x649e_1f5c_769e_718b,
    0x687d_a00b_09c8_3361,
    0x6c96_130f_130a_b0d6,
    0x73f7_1af0_93fd_f154,
    0x7831_4b11_be2e_5815,
    0x7f75_367e_7881_2551,
    0x7f98_01ff_a117_b335,
    0x8199_9482_0a8e_c7d6,
    0x837e_8e63_6d45_2b61,
    0x8be5_d113_c087_1ce1,
    0x8d4e_f653_6dc8_895f,
    0x8e06_2830_0c16_fe38,
    0x9fdb_2e15_9e0f_26a9,
    0xa63e_e6c8_b753_ebd4,
    0xaa65_4743_9583_c3a2,
    0xbc1a_5096_6c9e_6486,
    0xbdfe_aef4_4475_711c,
    0xc6ea_27c5_34f9_93d3,
    0xca74_59e2_b267_76de,
    0xcb20_d34a_7add_a2f5,
    0xcb87_c87e_4a13_8d9a,
    0xcf4d_418e_d3de_92d7,
    0xd65d_f89f_702e_ec58,
    0xda81_6f9f_2c16_e6c5,
    0xe1b8_5b27_d6bc_b058,
    0xe21b_597b_a6b9_cafa,
    0xe4da_07ad_2000_89ce,
    0xe997_4c50_7d2a_8021,
    0xeaa6_a919_0faf_5587,
    0xed96_7197_261c_16a9,
    0xf2d6_ca16_5150_33e5,
    0xf5e9_5c99_5463_5b65,
    0xfb8f_3512_9df8_7662,
];

fn is_sample(secret: &[u8]) -> bool {
    let digest = Sha256::digest(secret);
    let first: [u8; 8] = std::array::from_fn(|at| digest[at]);
    SAMPLES.binary_search(&u64::from_be_bytes(first)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::example::expand;

    fn weighed(id: &str, tag: &str, secret: &str) -> Evidence {
        let rule = Rule { id: id.to_owned(), tags: vec![tag.to_owned()], ..Rule::default() };
        weigh(&rule, secret.as_bytes(), 1_700_000_000)
    }

    #[test]
    fn samples_are_sorted_and_known() {
        assert!(SAMPLES.is_sorted());
        let key = ["AKIAIOSF", "ODNN7EXAMPLE"].concat();
        assert_eq!(weighed("aws-access-key-id", "aws", &key).doubt, Some(Doubt::Sample));
    }

    #[test]
    fn a_jwt_tells_its_issuer_and_its_end() {
        let token = |header: &str, payload: &str| {
            expand(&format!("<b64url:{header}>.<b64url:{payload}>.<base64url:43>"), 1)
        };
        let good = token(r#"{"alg":"HS256"}"#, r#"{"iss":"https://a.test","exp":1700000001}"#);
        let good = weighed("jwt", "jwt", &good);
        assert_eq!((good.doubt, good.facts), (None, vec!["jwt-issuer:https://a.test".to_owned()]));
        for (header, payload, doubt) in [
            (r#"{"alg":"HS256"}"#, r#"{"exp":1699999999}"#, Doubt::Expired),
            (r#"{"alg":"none"}"#, r#"{"sub":"1"}"#, Doubt::Unsigned),
            (r#"{"alg":"HS256"}"#, r#"{"role":"anon"}"#, Doubt::Public),
        ] {
            assert_eq!(weighed("jwt", "jwt", &token(header, payload)).doubt, Some(doubt));
        }
        assert!(weighed("jwt", "jwt", &expand("eyJ<base62:30>.eyJ<base62:30>.<base62:30>", 1)).hollow);
    }

    #[test]
    fn an_aws_key_id_tells_its_account() {
        // The account 123456789012 in bits 7 to 46 of six bytes.
        let bits = 123_456_789_012u64 << 7 << 2;
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let body: String = (0..10).rev().map(|at| digits[(bits >> (5 * at) & 31) as usize] as char).collect();
        let facts = weighed("aws-access-key-id", "aws", &format!("{}{body}QQQQQQ", "AKIA")).facts;
        assert_eq!(facts, ["aws-account:123456789012"]);
    }
}
