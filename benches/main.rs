//! Every bench in one program: each floor alone and the whole, so that a loss can be placed.
//!
//! Content is made from seeds (see `support`), and every bench checks that it found what stands in it: a figure of a
//! program that finds nothing is worth nothing. `README.md` beside this file says what each one shows.

mod content;
mod image;
mod join;
mod let_through;
mod matcher;
mod real;
mod report;
mod serve;
mod stream;
mod support;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.split_first() {
        Some((command, paths)) if command == "let-through" => let_through::run(paths),
        Some((command, paths)) if command == "real" => real::run(paths),
        Some((command, urls)) if command == "serve" => serve::run(urls),
        Some((command, _)) if command == "literals" => real::literals(),
        Some((command, [path])) if command == "inflate" => real::inflate(path),
        _ => divan::main(),
    }
}
