//! What the table of tables says: which root page is which table's, and the names of its columns, taken out of the text of
//! its statement.

use std::collections::HashMap;

use super::record::Value;

/// Bytes of names that are kept: schemas of thousands of tables have less.
const NAMES: usize = 1 << 20;
/// Longest name that is kept.
const NAME: usize = 128;
/// Different numbers of columns that are tried.
const COUNTS: usize = 16;
/// The root of the table of tables.
pub(super) const SCHEMA_ROOT: u32 = 1;

/// What a b-tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Rows with numbers.
    Rows,
    /// Rows by their primary key.
    Keyed,
    /// Copies of columns of a table.
    Index,
}

/// A table, or an index of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The table's name.
    pub(super) name: String,
    /// The columns in the order of a record.
    pub(super) columns: Vec<String>,
    /// The column that is the number of the row, and stands as nothing in records.
    pub(super) row: Option<usize>,
    pub(super) shape: Shape,
    /// It is no longer there.
    pub(super) dropped: bool,
}

/// The tables by their roots.
#[derive(Debug)]
pub(super) struct Schema {
    roots: HashMap<u32, Table>,
    left: usize,
}

impl Default for Schema {
    fn default() -> Self {
        let columns = ["type", "name", "tbl_name", "rootpage", "sql"].map(str::to_owned).to_vec();
        let name = "sqlite_schema".to_owned();
        let table = Table { name, columns, row: None, shape: Shape::Rows, dropped: false };
        Self { roots: HashMap::from([(SCHEMA_ROOT, table)]), left: NAMES }
    }
}

impl Schema {
    /// The table with that root.
    pub(super) fn table(&self, root: u32) -> Option<&Table> {
        self.roots.get(&root)
    }

    /// Takes a row of the table of tables.
    pub(super) fn take(&mut self, row: &[Value<'_>], utf16: Option<bool>, dropped: bool) {
        let [Value::Text(kind), Value::Text(_), Value::Text(table), Value::Integer(root), Value::Text(sql)] =
            row
        else {
            return;
        };
        let text = |bytes: &super::record::Bytes<'_>| super::text::decoded(&bytes.slice(0..NAMES), utf16);
        let (Ok(root), kind) = (u32::try_from(*root), text(kind)) else { return };
        let index = kind == "index";
        let new = root > SCHEMA_ROOT && (!dropped || self.roots.get(&root).is_none_or(|known| known.dropped));
        if !new || (!index && kind != "table") {
            return;
        }
        let table = parsed(name(&text(table)), &text(sql), index, dropped);
        let bytes =
            table.name.len() + table.columns.iter().map(|column| column.len() + 24).sum::<usize>() + 64;
        if let Some(left) = self.left.checked_sub(bytes) {
            self.left = left;
            self.roots.insert(root, table);
        }
    }

    /// The numbers of columns that tables have.
    pub(super) fn counts(&self) -> Vec<usize> {
        let mut counts: Vec<usize> = self.roots.values().map(|table| table.columns.len()).collect();
        counts.sort_unstable();
        counts.dedup();
        counts.truncate(COUNTS);
        counts
    }

    /// The one table whose records can look like `row`, of those that are gone or else of all: for rows that no page
    /// names.
    pub(super) fn only(&self, row: &[Value<'_>]) -> Option<&Table> {
        let fits = |table: &&Table| {
            table.shape != Shape::Index
                && table.columns.len() == row.len()
                && table.row.is_none_or(|at| matches!(row.get(at), Some(Value::Null)))
        };
        let mut gone = self.roots.values().filter(|table| table.dropped).filter(fits);
        if let Some(first) = gone.next() {
            return gone.next().is_none().then_some(first);
        }
        let mut all = self.roots.values().filter(fits);
        all.next().filter(|_| all.next().is_none())
    }
}

/// A name as lines show it: without what would end it there.
fn name(text: &str) -> String {
    text.chars()
        .take(NAME)
        .map(
            |letter| {
                if letter.is_whitespace() || letter.is_control() || letter == '=' { '_' } else { letter }
            },
        )
        .collect()
}

/// A word, a name in quotes or a sign of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Quoted(text) => Some(text),
            Self::Sign(_) => None,
        }
    }
}

/// Splits a statement; comments and blanks are left out.
fn tokens(sql: &str) -> Vec<Token> {
    let (mut rest, mut all) = (sql, Vec::new());
    while let Some(first) = rest.chars().next() {
        let skip = |end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
        if rest.starts_with("--") {
            rest = &rest[skip("\n")..];
        } else if rest.starts_with("/*") {
            rest = &rest[skip("*/")..];
        } else if let Some(close) = [('"', '"'), ('`', '`'), ('[', ']'), ('\'', '\'')]
            .iter()
            .find(|(open, _)| *open == first)
            .map(|(_, close)| *close)
        {
            let body = &rest[1..];
            let end = body.find(close).unwrap_or(body.len());
            all.push(Token::Quoted(body[..end].to_owned()));
            rest = body.get(end + 1..).unwrap_or_default();
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '$');
            let end = end.unwrap_or(rest.len());
            all.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            if !first.is_whitespace() {
                all.push(Token::Sign(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    all
}

/// The parts between the first brackets, parted by commas, and what stands behind them.
fn parts(tokens: &[Token]) -> (Vec<&[Token]>, &[Token]) {
    let Some(open) = tokens.iter().position(|token| *token == Token::Sign('(')) else {
        return (Vec::new(), &[]);
    };
    let (mut depth, mut start, mut parts) = (1, open + 1, Vec::new());
    for (at, token) in tokens.iter().enumerate().skip(open + 1) {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            Token::Sign(',') if depth == 1 => {
                parts.push(&tokens[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            parts.push(&tokens[start..at]);
            return (parts, &tokens[at + 1..]);
        }
    }
    // Cut off.
    parts.push(&tokens[start..]);
    (parts, &[])
}

/// The table of a statement.
fn parsed(name_of_table: String, sql: &str, index: bool, dropped: bool) -> Table {
    let tokens = tokens(sql);
    let (parts, behind) = parts(&tokens);
    let first = |part: &[Token]| part.first().and_then(Token::text).map(name);
    let mut table =
        Table { name: name_of_table, columns: Vec::new(), row: None, shape: Shape::Rows, dropped };
    if index {
        table.columns = parts.iter().filter_map(|part| first(part)).collect();
        table.shape = Shape::Index;
        return table;
    }
    let keyed = behind.windows(2).any(|pair| pair[0].is("without") && pair[1].is("rowid"));
    let mut keys: Vec<String> = Vec::new();
    for part in parts {
        let words = ["constraint", "primary", "unique", "check", "foreign"];
        let key = part.windows(2).position(|pair| pair[0].is("primary") && pair[1].is("key"));
        if part.first().is_some_and(|token| words.iter().any(|word| token.is(word))) {
            let (of, _) = self::parts(&part[key.unwrap_or(part.len())..]);
            keys.extend(of.iter().filter_map(|part| first(part)));
            if let ([one], false) = (&of[..], keyed) {
                let column = first(one).and_then(|one| table.columns.iter().position(|own| *own == one));
                table.row = table.row.or(column.filter(|at| integers(&parts_types(&tokens), *at)));
            }
            continue;
        }
        // A column that is computed when it is read is in no record.
        let computed = part.windows(2).any(|pair| pair[0].is("as") && pair[1] == Token::Sign('('));
        let Some(column) = first(part).filter(|_| !computed || part.iter().any(|token| token.is("stored")))
        else {
            continue;
        };
        if key.is_some() {
            keys.push(column.clone());
            if part.get(1).is_some_and(|token| token.is("integer")) && !keyed {
                table.row = Some(table.columns.len());
            }
        }
        table.columns.push(column);
    }
    if keyed {
        table.shape = Shape::Keyed;
        // Records begin with the key.
        let mut columns: Vec<String> = Vec::new();
        for column in keys.into_iter().filter(|key| table.columns.contains(key)) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let rest = table.columns.into_iter().filter(|column| !columns.contains(column)).collect::<Vec<_>>();
        table.columns = columns.into_iter().chain(rest).collect();
    }
    table
}

/// The word behind the name of each column.
fn parts_types(tokens: &[Token]) -> Vec<Option<&Token>> {
    parts(tokens).0.iter().map(|part| part.get(1)).collect()
}

fn integers(types: &[Option<&Token>], at: usize) -> bool {
    types.get(at).copied().flatten().is_some_and(|token| token.is("integer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_come_out_of_the_statement() {
        let rows = [
            (
                "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT DEFAULT ('x,)'), \"c d\" BLOB, `e`, [f])",
                "a b c_d e f",
            ),
            ("CREATE TABLE t -- (no\n (a, /* b, */ c CHECK (c IN ('(', ')')), UNIQUE (a, c))", "a c"),
            ("CREATE TABLE t(a, b AS (a * 2), c GENERATED ALWAYS AS (a) STORED)", "a c"),
            ("CREATE TABLE t(a, b, c, PRIMARY KEY (c, a)) WITHOUT ROWID", "c a b"),
            ("CREATE TABLE t(a, b TEXT PRIMARY KEY) STRICT, WITHOUT ROWID", "b a"),
            ("CREATE TABLE t(a, b", "a b"),
            ("CREATE TABLE t", ""),
            ("", ""),
        ];
        for (sql, expected) in rows {
            let table = parsed("t".to_owned(), sql, false, false);
            assert_eq!(table.columns.join(" "), expected, "{sql}");
        }
        let index = parsed("t".to_owned(), "CREATE UNIQUE INDEX i ON t(b DESC, lower(c))", true, false);
        assert_eq!(index.columns, ["b", "lower"]);
    }

    #[test]
    fn the_number_of_a_row_is_known() {
        let row = |sql| parsed("t".to_owned(), sql, false, false).row;
        assert_eq!(row("CREATE TABLE t(a, b INTEGER PRIMARY KEY AUTOINCREMENT)"), Some(1));
        assert_eq!(row("CREATE TABLE t(a, b INTEGER, PRIMARY KEY (b))"), Some(1));
        assert_eq!(row("CREATE TABLE t(a, b INT PRIMARY KEY)"), None);
        assert_eq!(row("CREATE TABLE t(a, b INTEGER, PRIMARY KEY (a, b))"), None);
    }
}
