//! Which name somebody meant who wrote another.

/// The name among `known` that `name` is most likely a slip of, if one is near enough: few letters left out, added,
/// changed or swapped with the next. Of equally near ones the first.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name: Vec<char> = name.chars().take(LONGEST).collect();
    let most = (name.len() / 3).clamp(1, 4);
    let near = known.into_iter().filter_map(|known| Some((distance(&name, known, most)?, known)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// Longer names are compared by their beginnings.
const LONGEST: usize = 100;

/// Letters to leave out, add, change or swap to get from `a` to `b`, unless it is more than `most`.
fn distance(a: &[char], b: &str, most: usize) -> Option<usize> {
    let b: Vec<char> = b.chars().take(LONGEST).collect();
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    Some(last[b.len()]).filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["github-pat", "github-oauth", "gitlab-pat", "jwt"];
        for (typed, meant) in [
            ("githb-pat", Some("github-pat")),
            ("github_pat", Some("github-pat")),
            ("gihtub-oauth", Some("github-oauth")),
            ("gitlabpat", Some("gitlab-pat")),
            ("jtw", Some("jwt")),
            ("stripe-key", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }

    #[test]
    fn a_name_without_end_costs_no_time() {
        assert_eq!(nearest(&"x".repeat(1 << 20), ["xx"]), None);
    }
}
