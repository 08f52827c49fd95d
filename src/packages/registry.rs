//! Which addresses are those of public registries: what they give, anybody can get.

/// Hosts from which everybody gets packages.
const PUBLIC: &[&str] = &[
    "registry.npmjs.org",
    "registry.npmjs.com",
    "registry.yarnpkg.com",
    "registry.npmmirror.com",
    "registry.npm.taobao.org",
    "npm.jsr.io",
    "api.nuget.org",
    "nuget.org",
    "www.nuget.org",
    "packagist.org",
    "repo.packagist.org",
    "rubygems.org",
    "conda.anaconda.org",
    "repo.anaconda.com",
    "repo.prefix.dev",
    "micro.mamba.pm",
];

/// Whether `url` is an address at a public registry.
pub(super) fn is_public(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.strip_suffix(":443").unwrap_or(authority);
    PUBLIC.iter().any(|public| host.eq_ignore_ascii_case(public))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_counts() {
        assert!(is_public("https://registry.npmjs.org/a/-/a-1.0.0.tgz"));
        assert!(is_public("https://Registry.NpmJS.org:443/a"));
        for url in [
            "https://npm.corp.example/registry.npmjs.org/a.tgz",
            "https://registry.npmjs.org.evil.example/a",
            "https://registry.npmjs.org@corp.example/a",
            "git+ssh://git@registry.npmjs.org/a.git",
            "file:../a",
            "",
        ] {
            assert!(!is_public(url), "{url}");
        }
    }
}
