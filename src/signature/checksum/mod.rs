//! Offline proof: sums, structures and markers by which a token shows that it was issued.
//!
//! One row of [`CHECKSUMS`] for each format. A check sees one token and knows neither rule nor surroundings. Where a
//! format is only remembered and was never tried on a real sample (`proven` is false), its [`Verdict::Fail`] says that
//! the token does not agree and must not reject it; its [`Verdict::Pass`] is worth as much as that of any other, since
//! chance does not make sums agree. Where a format has no more than a shape (any 32 bytes in base64), a failure rejects and
//! a pass proves nothing.

mod armour;
mod certificate;
mod codec;
mod crc;
mod der;
mod document;
mod encoded;
mod fact;
mod jwt;
mod made_up;
mod openpgp;
mod openssh;
mod pem;
mod public;
mod shape;
mod wallet;

pub use self::fact::{EXPIRED, EXPIRES, Fact, Proof, moment};
pub use self::jwt::{Jwt, jwt};
pub use self::pem::{PUBLIC_KEY, PrivateKey, private_key};
pub use self::shape::aws_account;

/// What a check says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It agrees: the token was issued, or made by somebody who knows the format.
    Pass,
    /// It does not agree.
    Fail,
    /// The check does not apply to this form of the token.
    Unknown,
}

impl From<bool> for Verdict {
    fn from(agrees: bool) -> Self {
        if agrees { Self::Pass } else { Self::Fail }
    }
}

/// One row of [`CHECKSUMS`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Checksum {
    /// The name by which rules call it.
    pub name: &'static str,
    /// What is checked, and where the fact comes from.
    pub about: &'static str,
    /// Whether a failure may reject a match: the check was tried on a sample that its issuer or a standard published, or
    /// is right by definition.
    pub proven: bool,
    /// Whether a pass confirms a match. Where any text of the alphabet passes, it does not.
    pub conclusive: bool,
    /// Judges a token, and tells what it says of itself. Linear in its length; quotes and spaces around it do not
    /// matter.
    pub prove: fn(&[u8]) -> Proof,
    /// The text that makes valid what an example has so far: the sum after a token's body, the rest after its prefix,
    /// or a whole token. Only the end of the text matters, and the same text gives the same answer.
    pub complete: fn(&str) -> String,
}

impl Checksum {
    /// The verdict alone.
    pub fn check(&self, token: &[u8]) -> Verdict {
        (self.prove)(token).verdict
    }
}

/// The row of that name.
pub fn named(name: &str) -> Option<&'static Checksum> {
    CHECKSUMS.iter().find(|row| row.name == name)
}

macro_rules! rows {
    ($($name:literal $proven:ident $check:path, $complete:path, $about:literal;)*) => {
        &[$(Checksum {
            name: $name,
            about: $about,
            proven: rows!(@ $proven).0,
            conclusive: rows!(@ $proven).1,
            prove: |token| Proof::from($check(token)),
            complete: $complete,
        }),*]
    };
    (@ proven) => { (true, true) };
    (@ remembered) => { (false, true) };
    (@ shape) => { (true, false) };
}

/// Every format that can be checked offline.
pub const CHECKSUMS: &[Checksum] = rows![
    "github-crc32" proven crc::github, crc::complete_github,
        "last 6 = CRC32 in base62 of the 30 before; GitHub's note on its token formats (2021), agrees with its published sample";
    "github-fine-grained" remembered crc::github_fine_grained, crc::complete_github_fine_grained,
        "last 6 of 59 said to be such a CRC32, covered text not settled: each candidate may agree, none rejects; untried";
    "npm-crc32" remembered crc::npm, crc::complete_github,
        "the scheme of GitHub's tokens, from npm's note on its token format (2021); untried";
    "gitlab-routable" remembered crc::gitlab_routable, crc::complete_gitlab_routable,
        "length of the payload and CRC32 of all before, both base36; GitLab's documentation of routable tokens; untried";
    "grafana-crc32" proven crc::grafana, crc::complete_grafana,
        "last 8 hex = CRC32 of glsa_ and the 32 after it, low byte first; agrees with the sample in Grafana's documentation";
    "atlassian-crc32" remembered crc::atlassian, crc::complete_atlassian,
        "last 8 hex said to be a CRC32 (Atlassian, Bitbucket, Trello), covered text not settled; untried, never fails";
    "matrix-crc32" remembered crc::matrix, crc::complete_matrix,
        "last 6 = CRC32 in base62 of what stands before the last underscore; Synapse's documentation; untried";
    "aws-key-id" proven shape::aws_key_id, shape::complete_aws_key_id,
        "base32, and the account number in bits 1 to 40 has at most 12 digits; agrees with a published id";
    "jwt" proven jwt::check, jwt::complete,
        "header is JSON with alg, claims are JSON; RFC 7519, agrees with its samples";
    "pypi-macaroon" remembered encoded::pypi_macaroon, encoded::complete_pypi_macaroon,
        "macaroon of version 2: location first, signature of 32 bytes at the end; format of libmacaroons; prefix worked out";
    "base64-json" proven encoded::json, encoded::complete_json,
        "what begins eyJ decodes to a JSON object (Grafana Cloud, Sentry, 1Password, Cloudflare tunnels, Mapbox); by definition";
    "base64-user-pass" shape encoded::user_pass, encoded::complete_user_pass,
        "decodes to text with a colon; RFC 7617, agrees with its sample";
    "elastic-api-key" remembered encoded::elastic_api_key, encoded::complete_elastic_api_key,
        "decodes to 20 letters, a colon and 22 letters; Elasticsearch's API reference; untried";
    "aws-ses-smtp" remembered encoded::aws_ses_smtp, encoded::complete_aws_ses_smtp,
        "33 bytes, the first is 4; AWS's recipe for SMTP passwords; untried";
    "aws-bedrock" remembered encoded::aws_bedrock, encoded::complete_aws_bedrock,
        "decodes to BedrockAPIKey-…:…; AWS's documentation of Bedrock keys; prefix worked out";
    "atlassian-server" remembered encoded::atlassian_server, encoded::complete_atlassian_server,
        "decodes to 10-12 digits, a colon and 20 bytes (Jira, Confluence); seen in rule sets; untried";
    "nvidia-ngc" remembered encoded::nvidia_ngc, encoded::complete_nvidia_ngc,
        "decodes to 26 letters, a colon and a UUID; seen in rule sets; untried";
    "nx-cloud" remembered encoded::nx_cloud, encoded::complete_nx_cloud,
        "decodes to a text that ends in |read or |read-write; Nx documentation; untried";
    "intercom" remembered encoded::intercom, encoded::complete_intercom,
        "decodes to tok:…; prefix worked out";
    "jfrog-reference" remembered encoded::jfrog_reference, encoded::complete_jfrog_reference,
        "decodes to reftkn:01:…; prefix worked out";
    "key-bytes" shape encoded::key_bytes, encoded::complete_key_bytes,
        "base64 or hex of 16, 24, 32, 48 or 64 bytes, base64: before it or not (Laravel, Fernet, gossip keys); by definition";
    "wireguard" remembered encoded::wireguard, encoded::complete_wireguard,
        "32 bytes; a private key has the bits of RFC 7748 fixed, a preshared key stays open";
    "openai-marker" remembered shape::openai, shape::complete_openai,
        "T3BlbkFJ between halves of 20, 58 or 74 characters; seen in keys; untried on a published one";
    "anthropic-padding" remembered shape::anthropic, shape::complete_anthropic,
        "ends in AA, the padding of the encoded bytes; seen in keys; untried";
    "discord-snowflake" remembered shape::discord, shape::complete_discord,
        "first part decodes to an id of 17 to 20 digits; Discord's reference on snowflakes; untried";
    "telegram" remembered shape::telegram, shape::complete_telegram,
        "id of the bot, colon, 35 characters that begin AA; Telegram's Bot API";
    "slack-structure" remembered shape::slack, shape::complete_slack,
        "ids are numbers of 9 to 14 digits, the last part has the length of its kind; Slack's page on token types; untried";
    "azure-marker" remembered shape::azure, shape::complete_azure,
        "the mark of the service stands at its place; Microsoft's library of identifiable secrets; offsets from memory";
    "stripe" remembered shape::stripe, shape::complete_stripe,
        "the long form begins 5 and has 00 before its last ten letters; seen in keys; never fails";
    "docker-swarm" remembered shape::docker_swarm, shape::complete_docker_swarm,
        "SWMTKN-1-, 50 and 25 digits of base36; SwarmKit's documentation";
    "uuid" shape shape::uuid, shape::complete_uuid,
        "version and variant are known ones (RFC 9562); others stay open";
    "crypt-hash" shape shape::crypt_hash, shape::complete_crypt_hash,
        "method, salt and a hash of the method's length; crypt(5)";
    "pem-key" proven pem::check, pem::complete,
        "the body decodes to the structure that the header names (PKCS#1, PKCS#8, SEC 1, DSA, OpenSSH, OpenPGP, OpenVPN, cosign), lengths add up, RSA's modulus is the product of its primes; tried on keys of OpenSSL, OpenSSH and GnuPG";
    "putty-key" proven openssh::putty, openssh::complete_putty,
        "as many private lines as it says, and a MAC; the public half is of the kind it says; PuTTY manual, appendix C";
    "pem-base64" proven pem::check_encoded, pem::complete_encoded,
        "a PEM block (see pem-key) in base64 once more";
    "x509-certificate" proven certificate::check, certificate::complete,
        "a certificate that parses, in PEM or in base64 once more; RFC 5280; tried on certificates of OpenSSL";
    "gcp-service-account" proven document::gcp_service_account, document::complete_gcp_service_account,
        "the private key in the document has the structure of one (see pem-key)";
    "dockerconfig" proven document::docker_config, document::complete_docker_config,
        "an auth that decodes to user:password, or a token; Docker's documentation of config.json";
    "private-jwk" proven document::private_jwk, document::complete_private_jwk,
        "kty and a private part of 16 bytes or more; RFC 7518, section 6";
    "base58check" proven wallet::base58check, wallet::complete_base58check,
        "last 4 bytes = head of the double SHA-256 of the rest (WIF, xprv); agrees with the wiki's sample";
    "bech32" proven wallet::bech32, wallet::complete_bech32,
        "BIP 173 and BIP 350 over prefix and data (age, nostr, Cosmos); agrees with their test vectors";
    "stellar-crc16" remembered wallet::stellar, wallet::complete_stellar,
        "version byte 0x90 and CRC16-XMODEM at the end; SEP-0023; untried";
    "nats-seed" remembered wallet::nats_seed, wallet::complete_nats_seed,
        "prefix of a seed and CRC16-XMODEM at the end; NATS documentation of nkeys; untried";
    "secp256k1" shape wallet::secp256k1, wallet::complete_secp256k1,
        "a number between 1 and the order of the curve; SEC 2";
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What an example has before the placeholder of a row, where the row completes and does not begin a token.
    fn begun(name: &str) -> String {
        let random = "aZ3kQ9".repeat(40);
        match name {
            "github-crc32" => format!("export T=ghp_{}", &random[..30]),
            "npm-crc32" => format!("//registry.invalid/:_authToken=npm_{}", &random[..30]),
            "github-fine-grained" => format!("github_pat_{}_{}", &random[..22], &random[..53]),
            "gitlab-routable" => format!("glpat-{}.", &random[..27]),
            "grafana-crc32" => format!("glsa_{}_", &random[..32]),
            "atlassian-crc32" => format!("ATATT3xFfGF0{}=", &random[..175]),
            "matrix-crc32" => format!("syt_dXNlcg_{}_", &random[..20]),
            "openai-marker" => format!("sk-proj-{}", &random[..74]),
            "stripe" => "sk_live_".to_owned(),
            "bech32" => format!("AGE-SECRET-KEY-1{}", "QPZRY9X8".repeat(6)),
            "putty-key" => "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: a\n".to_owned(),
            _ => String::new(),
        }
    }

    fn example(row: &Checksum) -> String {
        let begun = begun(row.name);
        let whole = format!("{begun}{}", (row.complete)(&begun));
        let after =
            if row.name == "openai-marker" { "aZ3kQ9".repeat(40)[..74].to_owned() } else { String::new() };
        let token = if begun.contains('\n') { &whole } else { whole.rsplit("T=").next().unwrap_or(&whole) };
        let token = token.strip_prefix("//registry.invalid/:_authToken=").unwrap_or(token);
        format!("{token}{after}")
    }

    #[test]
    fn every_row_passes_what_it_completed() {
        for row in CHECKSUMS {
            let token = example(row);
            assert_eq!(row.check(token.as_bytes()), Verdict::Pass, "{}: {token}", row.name);
        }
    }

    #[test]
    fn no_row_passes_an_empty_text_or_a_word() {
        for row in CHECKSUMS {
            for text in ["", "x", "password", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "...", "\u{1f511}"] {
                assert_ne!(row.check(text.as_bytes()), Verdict::Pass, "{}: {text}", row.name);
            }
        }
    }

    #[test]
    fn names_are_unique_and_short() {
        for (at, row) in CHECKSUMS.iter().enumerate() {
            assert!(CHECKSUMS[..at].iter().all(|other| other.name != row.name), "{}", row.name);
            assert!(row.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert_eq!(named(row.name).map(|found| found.about), Some(row.about));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_row_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for row in CHECKSUMS {
                row.check(&bytes);
                (row.complete)(&String::from_utf8_lossy(&bytes));
            }
        }

        #[test]
        fn no_damage_makes_a_row_panic(at in 0_usize..4000, byte: u8, cut in 0_usize..4000) {
            for row in CHECKSUMS {
                let mut token = example(row).into_bytes();
                let length = token.len();
                token[at % length] = byte;
                row.check(&token);
                row.check(&token[..cut % length]);
                (row.complete)(&String::from_utf8_lossy(&token[..cut % length]));
            }
        }
    }
}
