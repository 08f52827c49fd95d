//! What is known of commands: which words are subcommands, which options take no value, which commands run another.
//!
//! The tables are short on purpose. A command that is not in them is still cut and named; the tables only make the
//! names better. Because subcommands come from a fixed list, no argument can slip into a command's name.

/// Words that are taken into the name of a command if they follow it, and that another may follow: `npm config set`.
const GROUPS: &[&str] = &[
    "account",
    "admin",
    "auth",
    "blob",
    "compose",
    "config",
    "configure",
    "container",
    "create",
    "credential",
    "generic",
    "hex.organization",
    "image",
    "kv",
    "nuget",
    "organization",
    "package-registry",
    "pip",
    "registry",
    "remote",
    "repo",
    "s3",
    "secret",
    "secrets",
    "service",
    "source",
    "sources",
    "storage",
    "submodule",
    "users",
];

/// Words that end the name of a command: `docker login`.
const ACTIONS: &[&str] = &[
    "activate-service-account",
    "add",
    "add-authtoken",
    "add-user",
    "add_user",
    "apply",
    "approve",
    "build",
    "change_password",
    "clone",
    "connect",
    "copy",
    "deploy",
    "download",
    "export",
    "fetch",
    "get",
    "import",
    "init",
    "install",
    "login",
    "passwd",
    "pkcs12",
    "pull",
    "push",
    "put",
    "register",
    "reset-admin-password",
    "restore",
    "rsa",
    "run",
    "set",
    "set-context",
    "set-credentials",
    "set-url",
    "shell",
    "site:install",
    "sync",
    "up",
    "update",
    "upgrade",
    "upload",
];

/// How many of them a name has at most.
const NAME_WORDS: usize = 3;

/// Options that never take the word after them.
const FLAGS: &[&str] = &[
    "--batch",
    "--cleartext",
    "--dry-run",
    "--force",
    "--global",
    "--insecure",
    "--no-cache",
    "--no-cache-dir",
    "--noinput",
    "--no-input",
    "--no-prompt",
    "--non-interactive",
    "--overwrite",
    "--quiet",
    "--recursive",
    "--save",
    "--service-principal",
    "--silent",
    "--skip-login",
    "--stdin",
    "--store-password-in-clear-text",
    "--system",
    "--verbose",
    "--yes",
    "-Force",
    "-AsPlainText",
    "-g",
    "-q",
    "-v",
    "-y",
];

/// A command that runs the command after it: its options that take a value, and how many words of its own it has.
struct Wrapper {
    name: &'static str,
    valued: &'static [&'static str],
    own: usize,
}

const fn wrapper(name: &'static str, valued: &'static [&'static str], own: usize) -> Wrapper {
    Wrapper { name, valued, own }
}

const WRAPPERS: &[Wrapper] = &[
    wrapper("builtin", &[], 0),
    wrapper("busybox", &[], 0),
    wrapper("chroot", &[], 1),
    wrapper("command", &[], 0),
    wrapper("dumb-init", &[], 0),
    wrapper("env", &["-u", "-C", "-S", "--unset", "--chdir"], 0),
    wrapper("exec", &["-a"], 0),
    wrapper("gosu", &[], 1),
    wrapper("nice", &["-n"], 0),
    wrapper("nohup", &[], 0),
    wrapper("retry", &["-t", "-d"], 0),
    wrapper("sshpass", &["-p", "-f", "-d", "-P"], 0),
    wrapper("su-exec", &[], 1),
    wrapper("sudo", &["-u", "-g", "-p", "-C", "-h", "-U", "--user", "--group", "--prompt"], 0),
    wrapper("time", &["-f", "-o"], 0),
    wrapper("timeout", &["-k", "-s"], 1),
    wrapper("tini", &[], 0),
    wrapper("xargs", &["-I", "-n", "-P", "-L", "-d", "-s", "-a", "-E"], 0),
];

/// What is known of a command that runs another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs {
    /// Words of its own before the command that it runs.
    pub(super) own: usize,
    valued: &'static [&'static str],
}

impl Runs {
    /// Whether `option` takes the word after it.
    pub(super) fn takes_value(self, option: &str) -> bool {
        self.valued.contains(&option)
    }
}

/// Whether `tool` runs the command after it.
pub(super) fn runs(tool: &str) -> Option<Runs> {
    let found = WRAPPERS.iter().find(|wrapper| wrapper.name == tool)?;
    Some(Runs { own: found.own, valued: found.valued })
}

/// Whether `word` belongs to the name of a command after `parts`, the words of the name so far.
pub(super) fn is_subcommand(word: &str, parts: &[String]) -> bool {
    let open = parts.last().is_none_or(|last| GROUPS.contains(&last.as_str()));
    open && parts.len() < NAME_WORDS && (GROUPS.contains(&word) || ACTIONS.contains(&word))
}

/// Short options that take a value, for commands whose other short options are known to take none.
const VALUED_LETTERS: &[(&str, &str)] =
    &[("curl", "AbcCdDeEFHKmoPQrtTuUwxXyYz"), ("sed", "efl"), ("wget", "aBDeGiIloOPQRtTUwX")];

/// The short options of `tool` that take a value, if all of them are known.
pub(super) fn valued_letters(tool: &str) -> Option<&'static str> {
    VALUED_LETTERS.iter().find(|(name, _)| *name == tool).map(|(_, valued)| *valued)
}

/// Whether `option` of `tool` never takes the word after it.
pub(super) fn is_flag(option: &str, tool: &str) -> bool {
    let letters = option.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
    if let (Some(letters), Some(valued)) = (letters, valued_letters(tool)) {
        return !letters.ends_with(|letter| valued.contains(letter));
    }
    FLAGS.contains(&option) || option.ends_with("-stdin")
}

/// Whether the value of short options of `tool` follows without a space: `mysql -psecret`, `7z -psecret`.
pub(super) fn attaches(tool: &str) -> bool {
    const ARCHIVERS: &[&str] = &["7z", "7za", "7zr", "7zz", "rar", "unrar"];
    tool.starts_with("mysql") || tool.starts_with("mariadb") || ARCHIVERS.contains(&tool)
}

/// Whether what `tool` is given with `-c` is a script of the shell.
pub(super) fn is_shell(tool: &str) -> bool {
    let tool = tool.strip_suffix(".exe").unwrap_or(tool);
    ["sh", "bash", "ash", "dash", "zsh", "ksh", "mksh", "fish", "cmd", "powershell", "pwsh", "su", "runuser"]
        .iter()
        .any(|shell| shell.eq_ignore_ascii_case(tool))
}

/// Whether `option` of a shell says that a script follows: `-c`, `-lc`, `/C`, `-Command`.
pub(super) fn announces_script(option: &str) -> bool {
    let Some(letters) = option.strip_prefix(['-', '/']) else {
        return false;
    };
    letters.eq_ignore_ascii_case("command")
        || letters == "C"
        || (letters.len() <= 6
            && letters.ends_with('c')
            && letters.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Whether `tool` only passes on what it is given.
pub(super) fn prints(tool: &str) -> bool {
    ["echo", "printf", "print", "cat", "tee", "Write-Output"].contains(&tool)
}

/// Whether the first word of the command called `name` is the key of the words after it: `npm config set KEY VALUE`.
pub(super) fn sets(name: &str) -> bool {
    let last = name.rsplit(' ').next().unwrap_or_default();
    ["set", "config", "setx", "setenv"].contains(&last)
}

/// Words that stand before the credential that they announce, in files and in languages of other programs.
pub(super) fn announces_value(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "requirepass",
        "masterauth",
        "masterpass",
        "_authtoken",
        "_password",
    ];
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}
