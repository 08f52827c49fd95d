//! Names that are near to one that is not there: a tag that was forgotten, a slip of the finger.

/// Names that are told.
const TOLD: usize = 5;

/// Names that are looked at: more than any person has, and few enough to take no time.
const LOOKED_AT: usize = 10_000;

/// Bytes of a name that may be the beginning of another.
const BEGUN: usize = 3;

/// Bytes of a name that is looked at.
const LONGEST: usize = 300;

/// How alike two names have to be to be told together, from 0 to 1.
const ALIKE: f64 = 0.7;

/// The names of `all` that are near to `name`, the nearest first.
pub(super) fn near<'n>(name: &str, all: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let all = all.into_iter().take(LOOKED_AT).filter(|other| other.len() <= LONGEST);
    let mut near: Vec<(f64, &str)> =
        all.map(|other| (likeness(name, other), other)).filter(|(alike, _)| *alike >= ALIKE).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.dedup();
    near.truncate(TOLD);
    near.into_iter().map(|(_, name)| name).collect()
}

/// Names are alike if they are without what may be left out: the host and folders before them, and the tag behind.
fn likeness(name: &str, other: &str) -> f64 {
    let whole = strsim::normalized_damerau_levenshtein(name, other);
    let core = strsim::normalized_damerau_levenshtein(core(name), core(other));
    // The same core under another host or tag is nearer than another core; so is a name of which the end was left out.
    let begun = name.len() >= BEGUN && other.starts_with(name);
    whole.max(core * 0.95).max(if begun { 0.9 } else { 0.0 })
}

/// `app` of `localhost/org/app:1@sha256:…`.
fn core(name: &str) -> &str {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split([':', '@']).next().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[&str] =
        &["shop:1.4.2", "shop:1.4.1", "localhost/shop:dev", "postgres:16", "registry.example/org/shop-api:2"];

    #[test]
    fn a_slip_and_another_tag_are_near_and_strangers_are_not() {
        assert_eq!(near("shpo:1.4.2", ALL.iter().copied())[0], "shop:1.4.2");
        assert_eq!(near("shop", ALL.iter().copied()), ["localhost/shop:dev", "shop:1.4.1", "shop:1.4.2"]);
        assert_eq!(near("postgre", ALL.iter().copied()), ["postgres:16"]);
        assert_eq!(near("nginx", ALL.iter().copied()), [""; 0]);
    }

    #[test]
    fn no_more_are_told_than_can_be_read() {
        let many: Vec<String> = (0..1_000).map(|number| format!("app:{number}")).collect();
        assert_eq!(near("app", many.iter().map(String::as_str)).len(), TOLD);
    }

    #[test]
    fn a_beginning_is_near() {
        assert_eq!(near("imge.tar", ["image.tar", "Cargo.toml", "src"]), ["image.tar"]);
        assert_eq!(near("image", ["image.tar", "im", "src"]), ["image.tar"]);
    }
}
