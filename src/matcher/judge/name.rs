//! Whether a name says that its value is secret, and of what kind.
//!
//! A name is split into words at separators, at changes of case and where known words are written as one. What counts is
//! the last word that names a thing: `db_password_prod` names a password, `password_file` a file. Languages other than
//! English are known for the words of passwords only.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::matcher::words::Words;

/// What a name calls its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// What a person or a program logs in with: may be chosen by a person.
    Password,
    /// Protects a key: may be words with blanks.
    Passphrase,
    /// A secret of an application (`client_secret`, `JWT_SECRET`): drawn at random or chosen by a developer.
    Secret,
    /// A token that a service issued.
    Token,
    /// A key that a service issued or that encrypts (`api_key`, `SECRET_KEY`).
    Key,
    /// Something with `_key` at its end and nothing that tells more.
    SomeKey,
    /// User and password in one, mostly encoded (`_auth`, `credentials`).
    Credential,
    /// An address or a list of settings that may hold a password.
    ConnectionString,
}

/// What `name` calls its value, if that is something secret.
pub fn name_says_secret(name: &str) -> Option<Role> {
    SecretName::new(name).map(|name| name.role)
}

/// A name that says that its value is secret, taken apart once for all that is asked of it.
#[derive(Debug)]
pub struct SecretName<'n> {
    /// The name.
    pub(super) text: &'n str,
    /// Its words.
    pub(super) words: Vec<String>,
    /// What it calls its value.
    pub(super) role: Role,
    /// Whether it ends with the noun that says so: `password_admin` may be a password or what an administrator does with one.
    pub(super) direct: bool,
}

impl<'n> SecretName<'n> {
    /// `text`, if it is such a name.
    pub fn new(text: &'n str) -> Option<Self> {
        let words = words(text);
        let tail = text.char_indices().rev().nth(LONGEST - 1).map(|(at, _)| &text[at..]);
        let (role, direct) = match tail {
            Some(tail) if tail.len() < text.len() => called(&self::words(tail)),
            _ => called(&words),
        }?;
        Some(Self { text, words, role, direct })
    }

    /// Whether it says that its value is made up for a test or as an example.
    pub(super) fn says_example(&self) -> bool {
        const EXAMPLES: &str = "test tests testing example examples dummy fake mock sample demo fixture";
        self.words.iter().any(|word| listed(EXAMPLES, word))
    }

    /// Whether a key of that name may be a text that a developer chose, as those are that programs sign and encrypt with.
    pub(super) fn is_chosen(&self) -> bool {
        const CHOSEN: &str = "secret jwt signing sign encryption session cookie hmac pepper salt";
        self.words.iter().any(|word| listed(CHOSEN, word))
    }
}

/// Characters at the end of a name that are looked at.
const LONGEST: usize = 128;

/// The role, and whether the name ends with the noun that says so.
fn called(words: &[String]) -> Option<(Role, bool)> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.first().is_some_and(|first| VERBS.has(first)) {
        return None;
    }
    // Digits, stages and encodings behind the noun do not change what it is.
    let mut end = words.len();
    while end > 0 && (MODIFIERS.has(words[end - 1]) || words[end - 1].bytes().all(|b| b.is_ascii_digit())) {
        end -= 1;
    }
    let (noun, before) = words[..end].split_last()?;
    role(noun, before)
        .map(|role| (role, true))
        .or_else(|| first_noun(&words[..end]).map(|role| (role, false)))
}

/// Whether the last member of a name is one word.
pub(super) fn one_word(name: &str) -> bool {
    words(name.rsplit('.').next().unwrap_or_default()).len() == 1
}

/// `TOKEN_GITHUB`, `password_admin`: the noun first, then a word that does not change what it is.
fn first_noun(words: &[&str]) -> Option<Role> {
    let (first, rest) = words.split_first()?;
    let strong = listed(
        "password passwd pwd passphrase token secret apikey senha passwort clave contrasena motdepasse",
        first,
    );
    let harmless =
        rest.len() <= 2 && rest.iter().all(|word| word.len() > 1 && !OTHERS.has(word) && !VERBS.has(word));
    (strong && harmless).then(|| role(first, &[])).flatten()
}

fn role(noun: &str, before: &[&str]) -> Option<Role> {
    let last = before.last().copied().unwrap_or_default();
    let ends = |tails: &[&str]| tails.iter().any(|tail| noun.len() > tail.len() && noun.ends_with(tail));
    if matches!(noun, "passphrase" | "mnemonic")
        || (noun == "phrase" && matches!(last, "pass" | "seed" | "recovery"))
    {
        return Some(Role::Passphrase);
    }
    if PASSWORDS.has(noun)
        || ends(&[
            "password",
            "passwd",
            "pwd",
            "pw",
            "passwort",
            "passphrase",
            "kennwort",
            "senha",
            "wachtwoord",
            "contrasena",
        ])
        || JOINED_PASS.has(noun)
    {
        return Some(Role::Password);
    }
    // `mot_de_passe`, `clave_secreta`
    if (noun == "passe" && matches!(last, "de" | ""))
        || (noun == "secreta" && last == "clave")
        || (noun == "code" && matches!(last, "access" | "unlock" | "entry" | "door"))
    {
        return Some(Role::Password);
    }
    if noun == "word" && last == "pass" {
        return Some(Role::Password);
    }
    if matches!(noun, "pass" | "pw" | "psw")
        && !matches!(last, "by" | "first" | "second" | "render" | "single" | "multi" | "cam")
    {
        return Some(Role::Password);
    }
    if matches!(noun, "secret" | "secrets") || (ends(&["secret"]) && noun != "nonsecret") {
        return Some(Role::Secret);
    }
    if matches!(noun, "token" | "jwt" | "authtoken") || ends(&["token"]) {
        let other = before.iter().any(|word| OTHER_TOKENS.has(word))
            || noun == "nexttoken"
            || noun.contains("csrf")
            || noun.contains("xsrf");
        return (!other).then_some(Role::Token);
    }
    if noun == "bearer"
        || (noun == "pat" && !before.is_empty())
        || (noun == "authorization" && before.len() < 2)
    {
        return Some(Role::Token);
    }
    if matches!(noun, "credential" | "credentials" | "creds" | "userpass")
        || (noun == "auth" && before.len() < 2)
    {
        return Some(Role::Credential);
    }
    if noun == "api" && last == "art" {
        return Some(Role::Key);
    }
    // What is mixed into hashes of passwords, and what codes of one use are made from.
    let seasons =
        || listed("password hash secret security app auth crypt session cookie encryption token jwt", last);
    if matches!(noun, "pepper" | "hmac" | "otpseed" | "totpseed")
        || (noun == "salt" && seasons())
        || (noun == "seed" && matches!(last, "otp" | "totp" | "mfa" | "hotp" | "token" | "2fa"))
    {
        return Some(Role::Key);
    }
    if noun == "base" && before.ends_with(&["secret", "key"]) {
        return Some(Role::Key);
    }
    connection(noun, last).or_else(|| key(noun, before))
}

fn connection(noun: &str, last: &str) -> Option<Role> {
    let known =
        matches!(noun, "dsn" | "connectionstring" | "connstr" | "connstring" | "jdbcurl" | "databaseurl")
            || (matches!(noun, "string" | "str") && matches!(last, "connection" | "conn"))
            || matches!(noun, "url" | "uri" | "proxy");
    known.then_some(Role::ConnectionString)
}

fn key(noun: &str, before: &[&str]) -> Option<Role> {
    let joined = noun.strip_suffix("keys").or_else(|| noun.strip_suffix("key"))?;
    let kind = if joined.is_empty() { before.last().copied().unwrap_or_default() } else { joined };
    if SECRET_KEYS.has(kind)
        || (!joined.is_empty()
            && SECRET_KEYS.iter().any(|k| (k.len() > 3 || k == "api") && joined.ends_with(k)))
    {
        let public =
            before.iter().any(|word| matches!(*word, "public" | "publishable" | "pub" | "site" | "client"))
                && kind != "secret";
        return (!public || kind == "client").then_some(Role::Key);
    }
    let many = noun == "keys";
    let named = joined.is_empty() && !before.is_empty() && !many;
    let other = before.iter().any(|word| OTHER_KEYS.has(word));
    (named && !other && before.iter().all(|word| !VERBS.has(word))).then_some(Role::SomeKey)
}

/// Whether `word` is one of the few of a list.
fn listed(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}

static PASSWORDS: Words = Words::new(
    "password passwords passwd passwort pwd pswd passcode passw passwrd pasword kennwort senha \
    contrasena contrase\u{f1}a contrasenia clave motdepasse wachtwoord parola haslo has\u{142}o heslo jelszo jelsz\u{f3} sifre \
    \u{15f}ifre l\u{f6}senord losenord passord adgangskode salasana \u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c} \u{5bc6}\u{7801} \
    \u{5bc6}\u{78bc} \u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9} \u{c554}\u{d638} \u{be44}\u{bc00}\u{bc88}\u{d638} requirepass masterauth \
    secretpassword sshpass identified pgpassword psk",
);

/// `pass` as the end of a longer word, which `bypass` and `compass` are not.
static JOINED_PASS: Words = Words::new(
    "dbpass userpass rootpass smtppass ftppass sshpass adminpass mypass mailpass sqlpass redispass \
    repopass authpass httppass proxypass ldappass vncpass webpass keypass storepass bindpass srcstorepass deststorepass \
    dbpasswd basicpass accountpass userpw rootpw dbpw adminpw mqttpass wifipass pgpass mysqlpass",
);

/// What follows a noun without changing it.
static MODIFIERS: Words = Words::new(
    "prod production prd dev devel development staging stage stg test testing qa uat local live sandbox \
    primary secondary main backup old new default current value val b64 base64 plain plaintext cleartext clear raw str env \
    hex us eu v1 v2 v3 a b one two ro rw db unencrypted decoded",
);

/// Words that make of a name an action or a question.
static VERBS: Words = Words::new(
    "is has had get gets show hide toggle forgot forget reset change changed update validate verify check \
    compare generate create hash encrypt decrypt require requires required need needs no without enter missing invalid \
    wrong bad ask read load find parse fetch request obtain lookup delete remove revoke refreshes allow disallow use uses \
    using can should must skip ignore disable enable match matches make print mask redact strip clear not how why \
    weak strong empty confirm repeat retype re incorrect expired unknown",
);

/// Words behind a noun that name something else: `password_file`, `token_type`.
static OTHERS: Words = Words::new(
    "file files filename path dir directory folder url urls uri endpoint host hostname server port name \
    names id ids type types kind length len size min max count limit limits ttl expiry expires expiration expire expired \
    age lifetime timeout duration interval date time timestamp at on in by of to for from with and or field fields column \
    input inputs label labels placeholder hint prompt title text message messages error errors err msg regex regexp pattern \
    format formats policy rule rules strength validator validation valid invalid required enabled disabled enable disable \
    reset resets change changed forgot recovery hash hashed hashes hasher digest algorithm algo alg encoder encryption \
    encrypted enc cipher manager provider service services store storage source sources generator factory builder handler \
    helper util utils class object model schema resolver reader writer parser bucket index idx position pos start end begin \
    prefix suffix header headers param params parameter parameters arg args argument option options flag variable ref refs \
    reference version ver status state scope scopes usage used mode method methods script command cmd callback func function \
    exists present missing set attempts retries retry queue list array map dict group groups arn alias fingerprint \
    thumbprint checksum template form page dialog button link view screen widget item items element node tag tags attr \
    attribute property props action event listener number num no char chars bytes bits rounds cost iterations audience \
    issuer lookup cache info details metadata description desc doc docs comment help tooltip icon visible visibility hidden \
    toggle encoding charset separator delimiter language quality score budget price rate per vocab sock agent exchange \
    namespace separator protocol request response data content body context config configuration settings support supported module plugin \
    backend driver client user username users owner auth authentication authorizer protection management access stream \
    tree table row cell level order literal char string utils ring rotation refresh renewal grant endpoint verification \
    verifier check checker tests test case cases analyzer filter filters tokenizer loader spec specs identifier expr offset \
    kinds stack sequence pair pairs line lines span spans value values entropy usage",
);

/// Tokens of parsers, models, pages and forms.
static OTHER_TOKENS: Words = Words::new(
    "csrf xsrf pad bos eos unk mask cls sep max min num total prompt completion next page pagination \
    continuation continue sync cancel cancellation parse parser syntax lexer lex design start end stop special first last \
    prev previous public reserved keyword operator string number comment whitespace ident identifier cancellationtoken \
    input output word sub expected unexpected peek open close left right current literal mapper skip antiforgery forgery \
    request verification nonce per list is separator delimiter lookahead",
);

/// What a key is secret with.
static SECRET_KEYS: Words = Words::new(
    "api access secret private priv signing sign encryption encrypt encode enc cookie serial function functions storage master auth authentication \
    account shared license licence deploy service app application admin session crypt cipher aes hmac jwt webhook \
    integration write server subscription consumer root vault unseal fernet crypto security activation ssl tls wrapping \
    data machine preshared psk userapi restapi apisecret management ingest licensing upload publish push bot client \
    instrumentation storageaccount apiaccess",
);

/// What is called a key in programs and databases, and what is public.
static OTHER_KEYS: Words = Words::new(
    "primary foreign public pub sort cache partition hot row column index lookup map dict object group \
    hash registry unique composite idempotency translation i18n message state query event config item kv route gpg pgp \
    apt rpm signed known host hosts ssh id cache keyboard press down up shift ctrl alt arrow enter escape return tab any \
    option parent child child field json yaml attr attribute property param label name type data table dedupe dedup \
    grouping ordering header cookie metadata tag entity resource locale search result error weak strong symbol local \
    session context store storage sorting bucket s3 redis memcache memo node tree left right first last next prev current \
    default custom raw map env meta settings setting variable var input output request response route section menu item \
    list page view form selector filter path file url uri color theme style count number int str string byte char word \
    websocket socket image build artifact asset component content block transaction trace span correlation surrogate document layer \
    release revision commit cursor continuation upload thread room topic",
);

/// The words of a name, in lower case. Letters of any language are letters.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut letters = name.chars().peekable();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut last = None;
    while let Some(letter) = letters.next() {
        let next_lower = letters.peek().is_some_and(|next| next.is_lowercase());
        let before: Option<char> = last.replace(letter);
        let starts = letter.is_uppercase()
            && before
                .is_some_and(|b| b.is_lowercase() || (b.is_uppercase() && next_lower) || b.is_ascii_digit());
        let digit_starts = letter.is_ascii_digit() && !before.is_some_and(|b| b.is_ascii_digit());
        let ends = !letter.is_alphanumeric() || starts || digit_starts;
        if ends && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_ascii_alphanumeric() {
            word.push(letter.to_ascii_lowercase());
        } else if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Whether a word is one of those that names of things in programs are made of.
pub(super) fn technical(word: &str) -> bool {
    static ALL: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        [&OTHERS, &VERBS, &MODIFIERS, &PASSWORDS, &OTHER_TOKENS, &OTHER_KEYS, &SECRET_KEYS, &TECHNICAL]
            .into_iter()
            .flat_map(Words::iter)
            .collect()
    });
    ALL.contains(word)
}

/// More words of names in programs and of things that run.
static TECHNICAL: Words = Words::new(
    "password secret secrets token tokens credential credentials creds auth login logout user admin \
    cluster release chart deployment container image pod job task worker service svc server web frontend backend api gateway \
    proxy ingress cert certs certificate tls ssl ca letsencrypt wildcard letter upper lower number sha sha1 sha2 sha256 sha512 \
    md5 aes rsa hmac gcm cbc ctr scram bcrypt argon argon2 argon2id pbkdf scrypt utf utf8 ascii mysql postgres postgresql redis mongo kafka \
    rabbitmq ldap oauth saml sso jwt vault aws gcp azure kv db sql http https json yaml xml html java javax org com net io springframework \
    apache plain native caching text code email mail account session cookie registry docker k8s kube kubernetes my your the a",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_have_a_role() {
        use Role::{ConnectionString, Credential, Key, Passphrase, Password, Secret, SomeKey, Token};
        for (names, role) in [
            (
                "password DB_PASSWORD dbPassword PGPASSWORD MYSQL_PWD passwd user.password spring.datasource.password pass",
                Password,
            ),
            (
                "SMTP_PASS REPO_PASS sshpass PASSWORD_PROD password2 rootPassword requirepass userpw DBPASSWD password_admin",
                Password,
            ),
            ("passphrase GPG_PASSPHRASE seed_phrase", Passphrase),
            ("secret CLIENT_SECRET clientSecret JWT_SECRET app.secret sessionSecret cookie-secret", Secret),
            (
                "token GITHUB_TOKEN authToken _authToken accesstoken access_token npmAuthToken HF_TOKEN TOKEN_GITHUB",
                Token,
            ),
            (
                "api_key apiKey APIKEY X-Api-Key SECRET_KEY aws_secret_access_key accountKey signing_key SECRET_KEY_BASE",
                Key,
            ),
            (
                "license_key privateKey masterKey APP_KEY ENCRYPTION_KEY stripe_api_key FLICKR_APIKEY_PROD",
                Key,
            ),
            ("STRIPE_KEY MAILGUN_KEY deepl_key", SomeKey),
            ("credentials _auth basic_auth DB_CREDS", Credential),
            ("DATABASE_URL connectionString dsn SENTRY_DSN redis_uri", ConnectionString),
        ] {
            for name in names.split(' ') {
                assert_eq!(name_says_secret(name), Some(role), "{name}");
            }
        }
    }

    #[test]
    fn names_of_other_things_have_none() {
        let names = "primary_key foreignKey public_key PUBLIC_KEY pubkey KEYCLOAK_VERSION TOKENIZERS_PARALLELISM \
            PASSWORD_FILE POSTGRES_PASSWORD_FILE SSH_AUTH_SOCK token_type tokenType max_tokens cache_key key_id keyId \
            AWS_ACCESS_KEY_ID TOKEN_TTL token_expires_in password_hash passwordHash PASSWORD_LENGTH password_field \
            passwordInput password_reset reset_password isPassword hasToken csrf_token csrfmiddlewaretoken pad_token \
            eos_token nextPageToken keyboard monkey hotkey key keys tokens token_count GPG_KEY sort_key partitionKey \
            secret_name secretName SECRET_PATH password_policy passwordPolicy forgotPassword bypass compass tokenizer \
            user username email description auth_type author KEY_PATH key_name host_key idempotency_key PRIVATE_KEY_PATH";
        for name in names.split_ascii_whitespace() {
            assert_eq!(name_says_secret(name), None, "{name}");
        }
    }

    #[test]
    fn words_part_at_case_and_separators() {
        assert_eq!(words("myDBPassword2-x_Y"), ["my", "db", "password", "2", "x", "y"]);
    }
}
